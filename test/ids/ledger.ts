/** A provider over HTTP, outside of all workers: it counts every effect, and loses, holds back or declines what it is told to. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Booking } from './matrix';

/** What becomes of the next requests for one item; each is used up by one request. */
export type Fault = 'lose' | 'hold' | 'decline' | 'refuse';

interface Held {
  readonly response: ServerResponse;
  readonly booking: Booking;
}

/** What the provider knows of one cell of the matrix. */
export class Account {
  readonly booked: Booking[] = [];
  private readonly faults = new Map<string, Fault[]>();
  private readonly held: Held[] = [];
  private readonly asked = new Set<string>();

  /** @param honoursKeys whether a request with a known key gets the first result and has no effect */
  constructor(
    private readonly honoursKeys: boolean,
    private readonly newId: () => string,
  ) {}

  /** The next requests for the item meet these faults, in this order. */
  plan(item: string, ...faults: readonly Fault[]): void {
    this.faults.set(item, [...faults]);
  }

  /** Faults that no request has met. */
  get unmet(): number {
    return [...this.faults.values()].flat().length;
  }

  /** How many requests for the item may still meet the fault. */
  left(item: string, fault: Fault): number {
    return (this.faults.get(item) ?? []).filter((planned) => planned === fault).length;
  }

  count(item: string): number {
    return this.booked.filter((booking) => booking.item === item).length;
  }

  /** Answers what was held back. */
  answer(): void {
    for (const { response, booking } of this.held.splice(0)) send(response, booking);
  }

  act(item: string, key: string, response: ServerResponse): void {
    const fault = this.faults.get(item)?.shift();
    if (fault === 'decline') return void response.writeHead(402).end();
    if (fault === 'refuse') return void response.writeHead(503).end();
    const booking = this.book(item, key);
    if (fault === 'lose') response.destroy();
    else if (fault === 'hold') this.held.push({ response, booking });
    else send(response, booking);
  }

  find(key: string, response: ServerResponse): void {
    send(response, this.booked.find((booking) => booking.key === key) ?? null);
  }

  /** Whether nobody has asked this before. */
  once(key: string, response: ServerResponse): void {
    send(response, !this.asked.has(key));
    this.asked.add(key);
  }

  private book(item: string, key: string): Booking {
    const earlier = this.honoursKeys ? this.booked.find((booking) => booking.key === key) : undefined;
    if (earlier) return earlier;
    const booking = { id: this.newId(), item, key };
    this.booked.push(booking);
    return booking;
  }
}

const send = (response: ServerResponse, value: unknown): void =>
  void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));

export class Ledger {
  private readonly accounts = new Map<string, Account>();
  private ids = 0;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Ledger> {
    const server = createServer((request, response) => ledger.serve(request.url ?? '/', response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const ledger = new Ledger(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return ledger;
  }

  open(cell: string, honoursKeys: boolean): Account {
    const account = new Account(honoursKeys, () => `ch_${++this.ids}`);
    this.accounts.set(cell, account);
    return account;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(url: string, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, 'http://ledger');
    const value = (name: string): string => searchParams.get(name) ?? '';
    const account = this.accounts.get(value('cell'));
    if (!account) response.writeHead(404).end();
    else if (pathname === '/act') account.act(value('item'), value('key'), response);
    else if (pathname === '/find') account.find(value('key'), response);
    else account.once(value('key'), response);
  }
}
