/** What the routes have in common: what a request brings, and the answer to what cannot be done. */
import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

import type { Viewer } from './access';
import { messagePage, type Frame } from './page';

/** What is known of every request. */
export type Env = { Variables: { viewer: Viewer; frame: Frame } };

const cookieTerms = { path: '/', httpOnly: true, sameSite: 'Strict' } as const;

/** Two dashboards of one machine share its cookies, whatever their ports: so the port is in the name. */
const cookieName = (c: Context, name: string): string =>
  `activity_guard_${name}_${/:(\d+)$/.exec(c.req.header('host') ?? '')?.[1] ?? 'web'}`;

export const kept = (c: Context, name: 'session' | 'form'): string | undefined =>
  getCookie(c, cookieName(c, name));

export function keep(c: Context, name: 'session' | 'form', value: string): void {
  const secure = c.req.header('x-forwarded-proto') === 'https';
  setCookie(c, cookieName(c, name), value, { ...cookieTerms, secure });
}

/** A path of this page, as far as it is one: nobody is led elsewhere. */
export function ownPath(text: string | undefined): string {
  const base = 'http://here.invalid';
  const url = URL.canParse(text ?? '', base) ? new URL(text ?? '', base) : undefined;
  return url?.origin === base && !url.pathname.startsWith('//') ? url.pathname + url.search : '/';
}

export const pathOf = (c: Context): string => {
  const { pathname, search: query } = new URL(c.req.url);
  return ownPath(pathname + query);
};

/** The answer to what cannot be done. */
export const refuse = (
  c: Context<Env>,
  status: 403 | 404 | 409 | 422 | 503,
  title: string,
  words: string,
): Response | Promise<Response> => c.html(messagePage(c.get('frame'), title, words), status);

export const fieldIn = (form: Record<string, unknown>, name: string): string => {
  const value = form[name];
  return typeof value === 'string' ? value : '';
};
