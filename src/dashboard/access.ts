/** Who looks at the pages, and what he may do. Nothing of this is kept beyond the process. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How people are known: by a token that they give, or by the header of a proxy that has signed them in. */
export interface SignIn {
  readonly token?: string | undefined;
  /** Only where a proxy sets it, and takes it away from what comes from outside. */
  readonly trustHeader?: string | undefined;
}

/** Somebody who looks. */
export interface Viewer {
  /** Who decides, where he may. */
  readonly user: string | undefined;
  readonly mayRead: boolean;
  /** To be sent with everything that changes something. */
  readonly csrf: string;
}

/** What of a request tells who it is from. */
export interface Credentials {
  readonly session: string | undefined;
  readonly header: (name: string) => string | undefined;
}

const mostSessions = 100;
const sessionMs = 12 * 3_600_000;
const mostFailures = 10;
const failuresWithinMs = 60_000;
const longestName = 100;

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();
/** Takes the same time wherever they differ. */
export const isSame = (a: string, b: string): boolean => timingSafeEqual(hashOf(a), hashOf(b));

export const newId = (): string => randomBytes(32).toString('base64url');

/** A name as it is kept with decisions; `undefined` for what is none. */
export function nameIn(text: string | undefined): string | undefined {
  const name = text?.normalize('NFC').trim() ?? '';
  return name === '' || name.length > longestName || /\p{C}/u.test(name) ? undefined : name;
}

export class Access {
  readonly #secret = randomBytes(32);
  readonly #signIn: SignIn;
  readonly #sessions = new Map<string, { readonly user: string; readonly until: number }>();
  #failures: number[] = [];

  /** @param isOpen whether also who has not signed in may read */
  constructor(
    signIn: SignIn,
    private readonly isOpen: boolean,
    private readonly now: () => number,
  ) {
    this.#signIn = signIn;
  }

  /** Whether a token is taken. */
  get takesToken(): boolean {
    return this.#signIn.token !== undefined;
  }

  viewerOf({ session, header }: Credentials): Viewer {
    const { trustHeader } = this.#signIn;
    const user = trustHeader === undefined ? this.#userOf(session) : nameIn(header(trustHeader));
    const mayRead = user !== undefined || (this.isOpen && trustHeader === undefined);
    const subject = trustHeader === undefined ? `session:${session}` : `user:${user}`;
    return { user, mayRead, csrf: user === undefined ? '' : this.csrfOf(subject) };
  }

  /** The proof that a form came from a page of ours, shown to this very subject. */
  csrfOf(subject: string): string {
    return createHmac('sha256', this.#secret).update(subject).digest('base64url');
  }

  /** @returns the id of a new session; `'refused'`, or `'later'` after too many that were refused */
  signIn(token: string, user: string): { readonly session: string } | 'refused' | 'later' {
    const now = this.now();
    this.#failures = this.#failures.filter((at) => at > now - failuresWithinMs);
    if (this.#failures.length >= mostFailures) return 'later';
    if (this.#signIn.token === undefined || !isSame(token, this.#signIn.token)) {
      this.#failures.push(now);
      return 'refused';
    }
    const session = newId();
    this.#sessions.set(session, { user, until: now + sessionMs });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > mostSessions && oldest !== undefined) this.#sessions.delete(oldest);
    return { session };
  }

  signOut(session: string | undefined): void {
    this.#sessions.delete(session ?? '');
  }

  #userOf(session: string | undefined): string | undefined {
    const found = this.#sessions.get(session ?? '');
    if (found && found.until > this.now()) return found.user;
    this.signOut(session);
    return undefined;
  }
}
