/**
 * The provider of the proof, a process of its own that outlives every worker: it counts each charge that it carries
 * out, in memory and in a file that is only appended to. It is also where calls are stopped: a process that reaches the
 * point of a call at which it is to be killed waits here for an answer that does not come.
 */
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Charge, Plan, Point, Status } from './terms';

class Account {
  private readonly effects: (Charge & { readonly key: string })[] = [];
  private requests = 0;
  private stoppedAt: Point | undefined;
  private faults = 0;
  private held: { readonly go: () => void; readonly drop: () => void }[] = [];
  private heldSince: number | undefined;

  constructor(
    private readonly intent: string,
    private readonly plan: Plan,
    private readonly newId: () => string,
    private readonly record: (effect: object) => void,
  ) {}

  /** Goes on at once, unless this is where the plan stops the first call that comes by. */
  async pass(point: Point, response: ServerResponse): Promise<void> {
    if (this.plan.stopAt !== point || this.stoppedAt !== undefined) return;
    this.stoppedAt = point;
    this.heldSince = Date.now();
    await new Promise<void>((go) => this.held.push({ go, drop: () => void response.destroy() }));
  }

  /**
   * What was held goes on: a request whose sender is dead is carried out all the same. No network delivers later than
   * it may; a busy machine might, and what is too late is dropped.
   */
  go(latest: number): { readonly dropped: boolean } {
    const dropped = Date.now() > latest;
    const held = this.held.splice(0);
    for (const one of held) one[dropped ? 'drop' : 'go']();
    return { dropped };
  }

  async charge(key: string, response: ServerResponse): Promise<void> {
    this.requests++;
    await this.pass('request-sent', response);
    const known = this.plan.honoursKeys ? this.find(key) : null;
    const charge = known ?? this.book(key);
    await this.pass('effect-done', response);
    if (this.fails(response)) return;
    send(response, charge);
  }

  /** The planned fault, once. @returns whether there was one, so that nothing else is to be answered */
  fails(response: ServerResponse): boolean {
    const { fault } = this.plan;
    if (fault === undefined || this.faults > 0) return false;
    this.faults++;
    if (fault === 'error') response.writeHead(500).end();
    return true;
  }

  find(key: string): Charge | null {
    const found = this.effects.find((effect) => effect.key === key);
    return found ? { id: found.id } : null;
  }

  get status(): Status {
    const { requests, stoppedAt, heldSince, faults, held } = this;
    const effects = this.effects.map(({ id }) => id);
    return {
      effects,
      requests,
      faults,
      isHeld: held.length > 0,
      ...(stoppedAt && { stoppedAt }),
      ...(heldSince && { heldSince }),
    };
  }

  private book(key: string): Charge {
    const charge = { id: this.newId() };
    this.record({ intent: this.intent, ...charge, key });
    this.effects.push({ ...charge, key });
    return charge;
  }
}

const send = (response: ServerResponse, value: unknown): void =>
  void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString() || 'null');
}

function accounts(ledger: string) {
  const byIntent = new Map<string, Account>();
  let ids = 0;
  const record = (effect: object): void => appendFileSync(ledger, `${JSON.stringify(effect)}\n`);
  const open = (intent: string, plan: Plan): Account =>
    new Account(intent, plan, () => `ch_${++ids}`, record);
  const of = (intent: string): Account => {
    const account = byIntent.get(intent);
    if (!account) throw new Error('an intent without a plan');
    return account;
  };
  return async (path: string, query: URLSearchParams, body: unknown, response: ServerResponse) => {
    const intent = query.get('intent') ?? '';
    if (path === '/plan') {
      for (const [name, plan] of Object.entries(body as Record<string, Plan>))
        byIntent.set(name, open(name, plan));
      return send(response, {});
    }
    if (path === '/go') {
      return send(response, of(intent).go(Number(query.get('latest'))));
    }
    if (path === '/status')
      return send(response, Object.fromEntries((body as string[]).map((name) => [name, of(name).status])));
    if (path === '/find') return send(response, of(intent).find(query.get('key') ?? ''));
    if (path === '/charge') return of(intent).charge(query.get('key') ?? '', response);
    const point = query.get('point') as Point;
    await of(intent).pass(point, response);
    if (point === 'effect-done' && of(intent).fails(response)) return;
    send(response, {});
  };
}

process.on('disconnect', () => process.exit(1));
const answer = accounts(process.argv[2] ?? '');
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://provider');
  response.on('error', () => undefined);
  bodyOf(request)
    .then((body) => answer(pathname, searchParams, body, response))
    .catch((error: unknown) => response.writeHead(400).end(String(error)));
});
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
