/**
 * A provider over HTTP, outside of all workers, that counts every effect. It does not deduplicate, and its search is
 * behind: what was done is found only a while later. Until then it answers "no" in good faith.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { hashedRequestId, hashRequestId } from '../../src/ids';
import { times, type Charge } from './terms';

/** What becomes of the first request for an intent; later ones are done and answered at once. */
export type Fate =
  /** Done and answered. */
  | 'answered'
  /** Done, and its answer never comes. */
  | 'done'
  /** Not done yet when the worker dies: it arrives after that. */
  | 'on-the-wire'
  /** Never arrives. */
  | 'lost'
  /** Was done before, by somebody whose claim nobody knows of; a request that comes even so is done again. */
  | 'elsewhere';

/** What the provider knows of one intent. */
export class Account {
  private readonly booked: { readonly charge: Charge; readonly at: number }[] = [];
  private requests = 0;
  /** How often the search said "no" although it was done, or was still to arrive. */
  misleading = 0;

  constructor(
    readonly intent: string,
    readonly fate: Fate,
    private readonly lagMs: number,
    private readonly newId: () => string,
  ) {
    if (fate === 'elsewhere') this.book();
  }

  get effects(): number {
    return this.booked.length;
  }

  get charge(): Charge | undefined {
    return this.booked[0]?.charge;
  }

  get hasArrived(): boolean {
    return this.requests > 0;
  }

  act(response: ServerResponse): void {
    const isFirst = this.requests++ === 0;
    if (isFirst && (this.fate === 'on-the-wire' || this.fate === 'lost')) return;
    const charge = this.book();
    if (!isFirst || this.fate !== 'done') send(response, charge);
  }

  /** The request that was under way when its worker died arrives. */
  arrive(afterMs: number): void {
    const diedAt = performance.now();
    setTimeout(() => {
      // No network delivers later than it may; this process might, when the machine is busy: then it never arrives.
      if (performance.now() - diedAt <= times.mostWireMs * 1.3) this.book();
    }, afterMs);
  }

  /** As everybody sees it. */
  find(): Charge | undefined {
    const seen = this.booked.find(({ at }) => at + this.lagMs <= performance.now());
    if (!seen && (this.effects > 0 || this.fate === 'on-the-wire')) this.misleading++;
    return seen?.charge;
  }

  private book(): Charge {
    const charge = { id: this.newId(), intent: this.intent };
    this.booked.push({ charge, at: performance.now() });
    return charge;
  }
}

const send = (response: ServerResponse, value: unknown): void =>
  void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));

export class Provider {
  private readonly accounts = new Map<string, Account>();
  private ids = 0;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Provider> {
    const server = createServer((request, response) => provider.serve(request.url ?? '/', response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const provider = new Provider(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return provider;
  }

  open(intent: string, fate: Fate): Account {
    const lagMs = Math.random() * times.mostLagMs;
    const account = new Account(intent, fate, lagMs, () => `ch_${++this.ids}`);
    // A workflow hands on only the hash of an id.
    this.accounts.set(hashedRequestId(hashRequestId(intent)), account);
    return account;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(url: string, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, 'http://provider');
    const account = this.accounts.get(searchParams.get('key') ?? '');
    if (!account) response.writeHead(404).end();
    else if (pathname === '/charge') account.act(response);
    else send(response, account.find() ?? null);
  }
}
