/** Real engines over the memory store, of which the scheduler of fast-check decides at every await what goes on next. */
import type fc from 'fast-check';

import {
  committed,
  GuardEngine,
  isTooEarly,
  isUnresolved,
  notCommitted,
  NotCommittedError,
  RejectedError,
  type Clock,
  type HeldEffect,
  type OnUnknown,
  type ReceiptStore,
} from '../../src/core';
import { fingerprintOf, hashRequestId, receiptKey } from '../../src/ids';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { jsonCodec } from '../support/guarding';
import { wrongAnswer, wrongStep, type Ending, type Row } from './reference';

/** One thing that is set going; when, the scheduler decides. */
export type Command =
  | {
      readonly do: 'call';
      readonly id: number;
      readonly process: number;
      readonly policy: 'hold' | 'fail' | 'probe' | 'retry';
      readonly effect: Effect;
      /** Another payload than the usual one. */
      readonly isOther: boolean;
    }
  | { readonly do: 'crash'; readonly process: number }
  /** Nothing of the process goes on meanwhile; what it has sent arrives. */
  | { readonly do: 'pause'; readonly process: number; readonly ms: number }
  | { readonly do: 'operate'; readonly id: number }
  | { readonly do: 'wait'; readonly ms: number };

/** What an effect does. */
export type Effect =
  | 'works'
  | 'loses its response'
  | 'fails before'
  | 'says it did not happen'
  | 'is declined'
  /** Its process stands still until long after the lease: the answer of a zombie. */
  | 'is declined, and hears of it late';

/** How a question to the store goes wrong: it never comes, its answer never comes, or nobody hears of either. */
export type Fault = 'none' | 'refused' | 'lost' | 'hangs';

export interface Plan {
  readonly commands: readonly Command[];
  /** Of the questions to the store, in the order in which they arrive. */
  readonly faults: readonly Fault[];
}

/** A store that breaks a rule. */
export type Mutant = (receipts: MemoryReceipts, database: MemoryDatabase) => ReceiptStore;

const [wireMs, lagMs, graceMs, leaseMs] = [400, 50, 500, 1000];
const mostSteps = 5000;
const longestMs = 300_000;

const forever = (): Promise<never> => new Promise<never>(() => undefined);
/** All that can go on without the scheduler and the clock has gone on. */
const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const idOf = (id: number): string => `order:${id}`;
const keyOf = (id: number): string => receiptKey('default', hashRequestId(idOf(id)));
const truthOf = (id: number): string => `charge of ${idOf(id)}`;

interface Process {
  readonly name: string;
  readonly engine: GuardEngine;
  isDead: boolean;
  pausedUntil: number;
}

export class Interleaving {
  private now = 1000;
  private readonly timers = new Set<{ readonly at: number; readonly call: () => void }>();
  private readonly clock = { monotonic: () => this.now, wall: () => this.now };
  private readonly database = new MemoryDatabase(this.clock);
  private readonly receipts: ReceiptStore;
  private readonly processes: Process[];
  /** When the effects of each id happened. */
  private readonly effects = new Map<number, number[]>();
  /** Of each id, what is on its way to the provider. */
  private readonly sent = new Map<number, number>();
  /** What the provider has declined, and will decline again. */
  private readonly declined = new Set<number>();
  private readonly before = new Map<string, Row>();
  private readonly open = new Set<{ readonly process: Process; readonly what: string }>();
  private readonly faults: Fault[];
  private tokens = 0;
  private wrong: string | undefined;

  constructor(
    private readonly scheduler: fc.Scheduler,
    private readonly plan: Plan,
    mutant: Mutant | undefined,
  ) {
    const receipts = new MemoryReceipts(this.database);
    this.receipts = mutant?.(receipts, this.database) ?? receipts;
    this.faults = [...plan.faults];
    this.processes = ['A', 'B', 'C'].map((name) => this.process(name));
  }

  /** @throws what broke */
  async run(): Promise<void> {
    for (const command of this.plan.commands)
      void this.scheduled(JSON.stringify(command)).then(() => this.begin(command));
    await this.drive();
    this.faults.length = 0;
    for (const id of [0, 1]) await this.findOut(id);
  }

  /** Until every call of a process that lives has ended. The clock moves by itself when nothing else can. */
  private async drive(): Promise<void> {
    for (let steps = 0; ; steps++) {
      await quiet();
      this.look();
      if (this.wrong !== undefined) throw new Error(this.wrong);
      const waiting = [...this.open].filter(({ process }) => !process.isDead);
      if (steps > mostSteps || this.now > longestMs)
        throw new Error(`hangs: ${waiting.map(({ what }) => what).join(', ')}`);
      if (this.scheduler.count() > 0) await this.scheduler.waitOne();
      else if (waiting.length === 0) return;
      else if (!this.passToNext()) throw new Error('hangs: nothing goes on any more');
    }
  }

  /** With a probe that knows, every intent ends: as what happened, or by happening now. */
  private async findOut(id: number): Promise<void> {
    const row = this.before.get(keyOf(id));
    if (row === undefined) return;
    const isOther = row.fingerprint === fingerprintOf('charge', [true]);
    const isHeld = this.calls(id).some(({ policy }) => policy === 'hold' || policy === 'fail');
    this.pass(leaseMs + graceMs);
    const finder = this.process('finder');
    this.processes.push(finder);
    this.call(finder, { do: 'call', id, process: 0, policy: 'probe', effect: 'works', isOther });
    await this.drive();
    const now = this.before.get(keyOf(id));
    const isSettled = now?.state === 'committed' || now?.state === 'rejected';
    // Given back at the last moment; or nobody has written down that a lease has run out.
    const isOpen =
      now?.state === 'released' ||
      now?.state === 'unknown' ||
      (now?.state === 'claimed' && now.leaseUntil <= this.now);
    if (!isSettled && !(isHeld && isOpen)) throw new Error(`${idOf(id)} ends as ${now?.state}`);
  }

  private calls(id: number): (Command & { readonly do: 'call' })[] {
    return this.plan.commands.filter((command) => command.do === 'call').filter((call) => call.id === id);
  }

  private begin(command: Command): void {
    switch (command.do) {
      case 'wait':
        return this.pass(command.ms);
      case 'operate':
        return void this.operate(command.id);
      case 'crash':
        return void this.on(command.process, (process) => (process.isDead = true));
      case 'pause':
        return this.on(command.process, (process) => this.pause(process, command.ms));
      case 'call':
        return this.on(command.process, (process) => this.call(process, command));
      default:
        return command satisfies never;
    }
  }

  private pause(process: Process, ms: number): void {
    process.pausedUntil = this.now + ms;
    this.at(process.pausedUntil, () => undefined); // so that somebody wakes it
  }

  private on(process: number, what: (process: Process) => void): void {
    const found = this.processes[process];
    if (found && !found.isDead) what(found);
  }

  private call(process: Process, command: Command & { readonly do: 'call' }): void {
    const { id, policy, effect, isOther } = command;
    const fingerprint = fingerprintOf('charge', [isOther]);
    const mark = { process, what: JSON.stringify(command) };
    this.open.add(mark);
    const ended = (ending: Ending): void => {
      this.open.delete(mark);
      if (process.isDead) return;
      this.look();
      const effects = this.effects.get(id)?.length ?? 0;
      const about = { effects, row: this.before.get(keyOf(id)), fingerprint, truth: truthOf(id) };
      this.wrong ??= wrongAnswer(ending, about);
    };
    process.engine
      .run({
        ...{ requestId: idOf(id), requestIdHash: hashRequestId(idOf(id)), action: 'charge', fingerprint },
        ...{ payload: [isOther], origin: {}, leaseMs, graceMs, waitMs: 4000, attempt: 1, codec: jsonCodec },
        ...{ onUnknown: policy === 'probe' ? this.probe(id) : policy, deadline: this.now + 20_000 },
        run: (held) => this.effect(process, id, effect, held),
      })
      .then(
        (outcome) =>
          ended(
            outcome.kind === 'result'
              ? { kind: 'result', value: outcome.value }
              : { kind: 'rejected', value: undefined },
          ),
        (error: unknown) =>
          ended({ kind: 'error', code: (error as { code?: string }).code ?? String(error) }),
      );
  }

  private async effect(process: Process, id: number, effect: Effect, held: HeldEffect): Promise<unknown> {
    held.begin();
    await this.goesOn(process, 'its effect');
    if (effect === 'fails before') throw new Error('refused');
    if (effect === 'says it did not happen') throw new NotCommittedError('never left');
    held.fence(); // nothing is sent unless the claim is surely held
    // Where calls repeat, the provider knows their key: it acts once, and its answer stays the same.
    const isKeyed = this.calls(id).some(({ policy }) => policy === 'retry');
    const isKnown = isKeyed && (this.sent.get(id) ?? 0) > 0;
    if (isKeyed && this.declined.has(id)) throw new RejectedError('declined');
    if (effect.startsWith('is declined') && !isKnown) {
      this.declined.add(id);
      if (effect !== 'is declined') this.pause(process, 3 * leaseMs);
      await this.goesOn(process, 'a no');
      throw new RejectedError('declined');
    }
    // What is sent arrives in time, whatever becomes of its sender.
    const at = this.now + wireMs;
    this.sent.set(id, (this.sent.get(id) ?? 0) + 1);
    const arrival = new Promise<void>((resolve) =>
      this.at(at, () => {
        const earlier = this.effects.get(id) ?? [];
        if (!isKeyed || earlier.length === 0) this.effects.set(id, [...earlier, at]);
        resolve();
      }),
    );
    if (effect === 'loses its response') throw new Error('reset');
    await arrival;
    await this.goesOn(process, 'its response');
    return truthOf(id);
  }

  /** A provider whose reads lag. */
  private probe(id: number): OnUnknown {
    return async () => {
      await this.scheduled('a probe');
      const seen = (this.effects.get(id) ?? []).some((at) => at + lagMs <= this.now);
      await this.scheduled('its answer');
      return seen ? committed(truthOf(id)) : notCommitted();
    };
  }

  /** Somebody who looks into the provider's console, and then says what he saw there. */
  private async operate(id: number): Promise<void> {
    const known = await this.receipts.get(keyOf(id));
    if (!known || !isUnresolved(known.receipt)) return;
    const hasHappened = (this.effects.get(id)?.length ?? 0) > 0;
    if (!hasHappened && isTooEarly(known.receipt)) return;
    const { epoch } = known.receipt;
    await this.scheduled('a decision');
    const outcome = hasHappened ? await jsonCodec.encodeResult(truthOf(id)) : undefined;
    const verdict = hasHappened ? 'committed' : 'not-committed';
    await this.receipts.resolve({ key: keyOf(id), epoch, verdict, source: 'operator', outcome });
  }

  private process(name: string): Process {
    const clock: Clock = {
      ...this.clock,
      after: (ms, call) => this.at(this.now + Math.max(0, ms), () => void this.whenAwake(process).then(call)),
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const cancel = clock.after(ms, resolve);
          signal?.addEventListener('abort', () => (cancel(), resolve()));
        }),
    };
    const newToken = (): string => `00000000-0000-4000-8000-${String(++this.tokens).padStart(12, '0')}`;
    const process: Process = { name, isDead: false, pausedUntil: 0, engine: undefined as never };
    return Object.assign(process, {
      engine: new GuardEngine({ store: this.storeOf(process), clock, newToken }),
    });
  }

  /** The store as one process sees it: what it asks arrives when the scheduler says so, and so do the answers. */
  private storeOf(process: Process): ReceiptStore {
    return new Proxy(this.receipts, {
      get: (receipts, name: keyof ReceiptStore) => {
        const value: unknown = receipts[name];
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]): Promise<unknown> => {
          const what = `${process.name}: ${name}`;
          await this.scheduled(`${what} arrives`);
          const fault = this.faults.shift() ?? 'none';
          const answer = fault === 'refused' ? undefined : await this.ask(receipts, name, given);
          await this.goesOn(process, `${what} is answered`);
          if (fault === 'refused' || fault === 'lost')
            throw Object.assign(new Error('the connection broke'), { code: 'ECONNRESET' });
          return fault === 'hangs' ? forever() : answer;
        };
      },
    });
  }

  /** A stale token writes nothing. */
  private async ask(
    receipts: ReceiptStore,
    name: keyof ReceiptStore,
    given: readonly unknown[],
  ): Promise<unknown> {
    const { key, token } = (given[0] ?? {}) as { key?: string; token?: string };
    const before = this.database.rows.get(key ?? '');
    const isStale = before !== undefined && before.token !== token && isWrite(name);
    const was = JSON.stringify(before);
    const answer = await (receipts[name] as (...args: readonly unknown[]) => Promise<unknown>)(...given);
    if (isStale && JSON.stringify(this.database.rows.get(key ?? '')) !== was)
      this.wrong ??= `a stale token writes: ${name}`;
    this.look();
    return answer;
  }

  /** After every step: how the rows have changed, and what the provider has done. */
  private look(): void {
    for (const id of [0, 1]) {
      const key = keyOf(id);
      const row = this.database.rows.get(key);
      this.wrong ??= wrongStep(this.before.get(key), row, this.now);
      if (row) this.before.set(key, { ...row });
      const effects = this.effects.get(id)?.length ?? 0;
      if (effects > 1) this.wrong ??= `${effects} effects of one intent`;
    }
  }

  private scheduled(what: string): Promise<void> {
    return this.scheduler.schedule(Promise.resolve(), what);
  }

  private async goesOn(process: Process, what: string): Promise<void> {
    await this.scheduled(`${process.name}: ${what}`);
    await this.whenAwake(process);
  }

  private async whenAwake(process: Process): Promise<void> {
    while (this.now < process.pausedUntil)
      await new Promise<void>((resolve) => this.at(process.pausedUntil, resolve));
    if (process.isDead) await forever();
  }

  private at(at: number, call: () => void): () => void {
    const timer = { at, call };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /** Moves the clock at once, as a machine that was suspended sees it: all that is due goes off after it. */
  private pass(ms: number): void {
    this.now += ms;
    const due = [...this.timers].filter(({ at }) => at <= this.now).sort((a, b) => a.at - b.at);
    for (const timer of due) if (this.timers.delete(timer)) timer.call();
  }

  private passToNext(): boolean {
    const next = Math.min(...[...this.timers].map(({ at }) => at));
    if (next === Infinity) return false;
    this.pass(Math.max(0, next - this.now));
    return true;
  }
}

const isWrite = (name: string): boolean => ['settle', 'release', 'markUnknown', 'delegate'].includes(name);
