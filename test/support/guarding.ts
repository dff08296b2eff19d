/** A small world for the engine: one clock, one database, one provider, and workers that can fail and die. */
import {
  GuardEngine,
  noResult,
  RejectedError,
  type CallOutcome,
  type Clock,
  type GuardedCall,
  type GuardEvent,
  type HeldEffect,
  type OutcomeCodec,
  type Receipt,
  type ReceiptStore,
} from '../../src/core';
import { fingerprintOf, hashRequestId, receiptKey } from '../../src/ids';
import { FakeClock } from './fake-clock';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';

/** How one call of the store goes wrong: before it took effect, after it, without any answer, or seconds too late. */
export type Fault = 'refused' | 'lost' | 'hangs' | 'hangs-after' | 'arrives-late' | 'dies' | 'dies-after';
export type Step =
  | 'claim'
  | 'takeOver'
  | 'renew'
  | 'settle'
  | 'delegate'
  | 'release'
  | 'markUnknown'
  | 'resolve'
  | 'get';

const forever = <T>(): Promise<T> => new Promise<T>(() => undefined);
const encode = (format: string, value: unknown) => ({
  format,
  bytes: new TextEncoder().encode(JSON.stringify(value)),
});
const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

export const jsonCodec: OutcomeCodec = {
  encodeResult: async (value) => {
    try {
      return encode('json', [value]);
    } catch (problem) {
      return { ...noResult, problem };
    }
  },
  decodeResult: async ({ format, bytes }) => {
    if (format !== 'json') throw new Error(`cannot read ${format}`);
    return (decode(bytes) as unknown[])[0];
  },
  encodeFailure: async (error) => encode('failure', (error as Error).message),
  decodeFailure: async ({ bytes }) => new RejectedError(String(decode(bytes))),
};

export class World {
  readonly clock = new FakeClock();
  readonly database = new MemoryDatabase(this.clock);
  readonly receipts = new MemoryReceipts(this.database);
  /** What the provider did, in order. */
  readonly effects: Pick<HeldEffect, 'requestId' | 'epoch'>[] = [];
  tokens = 0;

  worker(): Worker {
    return new Worker(this);
  }

  /** The effect of the default call. */
  charge = async (effect: HeldEffect): Promise<unknown> => {
    effect.begin();
    this.effects.push({ requestId: effect.requestId, epoch: effect.epoch });
    return `charge ${this.effects.length}`;
  };

  call(more: Partial<GuardedCall> = {}): GuardedCall {
    return {
      requestId: 'order:1',
      requestIdHash: hashRequestId('order:1'),
      action: 'charge',
      fingerprint: fingerprintOf('charge', [1]),
      payload: [1],
      origin: { worker: 'test' },
      onUnknown: 'hold',
      leaseMs: 1000,
      graceMs: 500,
      waitMs: 2000,
      deadline: this.clock.monotonic() + 60_000,
      attempt: 1,
      codec: jsonCodec,
      run: this.charge,
      ...more,
    };
  }

  async row(requestId = 'order:1'): Promise<Receipt | undefined> {
    return (await this.receipts.get(receiptKey('default', hashRequestId(requestId))))?.receipt;
  }

  async state(): Promise<string | undefined> {
    return (await this.row())?.state;
  }

  async verdicts(): Promise<string[]> {
    const found = await this.receipts.get(receiptKey('default', hashRequestId('order:1')));
    return (found?.evidence ?? []).map((e) => `${e.source}: ${e.verdict} (${e.epoch})`);
  }

  /** Leaves a claim behind whose holder died in its effect, with its lease run out. */
  async abandon(more: Partial<GuardedCall> = {}): Promise<Worker> {
    const dead = this.worker();
    void dead.engine.run(
      this.call({
        run: (effect) => {
          effect.begin();
          dead.kill();
          return forever();
        },
        ...more,
      }),
    );
    await this.clock.advance(more.leaseMs ?? 1000);
    return dead;
  }
}

/** One process: an engine with its own store connection, which can fail, and its own timers, which end with it. */
export class Worker {
  readonly events: GuardEvent[] = [];
  readonly asked: Step[] = [];
  readonly engine: GuardEngine;
  /** The faults of the next calls of each step, first call first. */
  readonly faults: Partial<Record<Step, (Fault | 'none')[]>> = {};
  /** What happens to every call of a step without a fault of its own. */
  always: Fault | undefined;
  isDead = false;

  constructor(private readonly world: World) {
    const clock: Clock = {
      monotonic: () => world.clock.monotonic(),
      wall: () => world.clock.wall(),
      after: (ms, call) => world.clock.after(ms, () => this.isDead || call()),
      sleep: (ms, signal) => (this.isDead ? forever() : world.clock.sleep(ms, signal)),
    };
    this.engine = new GuardEngine({
      store: this.store(),
      clock,
      newToken: () => `00000000-0000-4000-8000-${String(++world.tokens).padStart(12, '0')}`,
      onEvent: (event) => this.events.push(event),
    });
  }

  /** From now on nothing that this process waits for ever comes. */
  kill(): void {
    this.isDead = true;
  }

  async run(more: Partial<GuardedCall> = {}): Promise<CallOutcome> {
    return this.world.clock.until(this.engine.run(this.world.call(more)));
  }

  /** How a call ended, in one word: the value, or the code of the error. */
  async ending(more: Partial<GuardedCall> = {}): Promise<unknown> {
    return this.run(more).then(
      (outcome) => {
        if (outcome.kind === 'result') return outcome.value;
        return outcome.kind === 'rejected' ? `rejected: ${String(outcome.error)}` : outcome.kind;
      },
      (error: unknown) => (error as { code?: string }).code ?? error,
    );
  }

  private store(): ReceiptStore {
    const { receipts } = this.world;
    const step =
      <A extends unknown[], R>(name: Step, act: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        this.asked.push(name);
        const fault = this.isDead ? 'dies' : (this.faults[name]?.shift() ?? this.always);
        if (fault === 'dies' || fault === 'dies-after') this.kill();
        if (fault === undefined || fault === 'none') return act(...args);
        if (fault === 'arrives-late') void this.world.clock.sleep(5000).then(() => act(...args));
        if (fault.endsWith('after') || fault === 'lost') await act(...args);
        if (fault === 'refused' || fault === 'lost') {
          throw Object.assign(new Error('the connection broke'), { code: 'ECONNRESET' });
        }
        return forever();
      };
    return {
      namespace: receipts.namespace,
      claim: step('claim', (request) => receipts.claim(request)),
      takeOver: step('takeOver', (request) => receipts.takeOver(request)),
      renew: step('renew', (claims, leaseMs) => receipts.renew(claims, leaseMs)),
      settle: step('settle', (settlement) => receipts.settle(settlement)),
      delegate: step('delegate', (claim) => receipts.delegate(claim)),
      release: step('release', (claim) => receipts.release(claim)),
      markUnknown: step('markUnknown', (claim) => receipts.markUnknown(claim)),
      resolve: step('resolve', (resolution) => receipts.resolve(resolution)),
      get: step('get', (key) => receipts.get(key)),
      addEvidence: (evidence) => receipts.addEvidence(evidence),
      finalize: (key, epoch, evidence) => receipts.finalize(key, epoch, evidence),
      takeDue: (request) => receipts.takeDue(request),
      lookAgain: (looks) => receipts.lookAgain(looks),
      supersede: (supersession) => receipts.supersede(supersession),
      prune: (request) => receipts.prune(request),
      list: (filter) => receipts.list(filter),
      outstanding: (limit) => receipts.outstanding(limit),
      countOutstanding: () => receipts.countOutstanding(),
      stats: () => receipts.stats(),
      check: () => receipts.check(),
      close: () => receipts.close(),
    };
  }
}
