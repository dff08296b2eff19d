/** Somebody at a browser, as far as pages and forms go: keeps cookies, and sends the fields that a page has. */
import type { createDashboard } from '../../src/dashboard';
import { token } from './world';

const origin = 'http://localhost:8080';

export interface Visited {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  /** Where it leads, where it leads elsewhere. */
  readonly location: string | null;
}

export const unescaped = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

/** The hidden fields of the form that goes to a path ending like this. */
export function fieldsOf(page: string, action: string): Record<string, string> {
  const form = page.split('<form ').find((part) => new RegExp(`action="[^"]*${action}"`).test(part)) ?? '';
  const fields = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  return Object.fromEntries(fields.map(([, name = '', value = '']) => [name, unescaped(value)]));
}

export class Visitor {
  readonly cookies = new Map<string, string>();

  constructor(
    private readonly app: ReturnType<typeof createDashboard>,
    readonly headers: Record<string, string> = {},
  ) {}

  async get(path: string, headers: Record<string, string> = {}): Promise<Visited> {
    return this.send(path, { headers });
  }

  async post(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Visited> {
    const body = new URLSearchParams(fields);
    return this.send(path, { method: 'POST', body, headers: { origin, ...headers } });
  }

  async signIn(name = 'Ann', given = token): Promise<Visited> {
    const fields = fieldsOf((await this.get('/sign-in')).text, '/sign-in');
    return this.post('/sign-in', { ...fields, name, token: given });
  }

  /** Fills in the form of a receipt, up to its confirmation. */
  async propose(path: string, choice: string, more: Record<string, string> = {}): Promise<Visited> {
    const fields = fieldsOf((await this.get(path)).text, '/confirm');
    return this.post(`${path}/confirm`, { ...fields, choice, reason: 'seen in the console', ...more });
  }

  /** Confirms what a page asks to confirm. */
  async confirm(path: string, asked: Visited): Promise<Visited> {
    return this.post(`${path}/decide`, fieldsOf(asked.text, '/decide'));
  }

  private async send(
    path: string,
    { headers, ...init }: RequestInit & { headers: Record<string, string> },
  ): Promise<Visited> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await this.app.request(origin + path, {
      ...init,
      headers: { host: 'localhost:8080', ...(cookie === '' ? {} : { cookie }), ...this.headers, ...headers },
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      this.cookies.set(name, value);
    }
    return {
      status: response.status,
      text: await response.text(),
      headers: response.headers,
      location: response.headers.get('location'),
    };
  }
}
