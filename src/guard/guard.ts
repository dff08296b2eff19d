/** Guarding effects without Temporal: in agent loops, queue workers, servers and scripts. */
import { randomUUID } from 'node:crypto';

import {
  assertReceipts,
  checkedAction,
  checkedContent,
  checkedFingerprint,
  checkedGeneration,
  checkedId,
  effectTerms,
  errorName,
  GuardEngine,
  InvalidRequestError,
  readable,
  toMs,
  shownPayload,
  underTerms,
  type AnyFunction,
  type CallOutcome,
  type Duration,
  type EffectDefaults,
  type EffectOptions,
  type GuardEvent,
  type HeldEffect,
  type Origin,
  type ReceiptStore,
  type Telemetry,
} from '../core';
import { systemClock } from '../system-clock';
import type { ExecuteRequest, ExecutionReceipt } from './requests';
import { storedOutcomes } from './stored';
import { wrapped, type MethodDecorator, type Wrapped, type WrapOptions } from './wrap';

/** How a guard works unless a call says otherwise. Durations are milliseconds or texts such as `'30s'`. */
export interface GuardOptions extends EffectDefaults {
  /** Where receipts are kept. Nothing is run while they cannot be reached, and nothing else takes their place. */
  readonly receipts: ReceiptStore;
  /** How long one call may take; its claim is not renewed beyond that. `'10m'` unless given. */
  readonly timeout?: Duration;
  /** Kept with every claim, for people: which service, which agent. Never payloads or secrets. */
  readonly origin?: Origin;
  /** Told what happens to request ids. Must not throw. */
  readonly onEvent?: (event: GuardEvent) => void;
  /** Traces and metrics, such as `telemetry()` of `activity-guard/otel`. */
  readonly telemetry?: Telemetry;
}

/** What is run, and for whom. */
interface Effect {
  readonly payload: unknown;
  /** The effect is handed its claim, and does not look for it in its asynchronous context. */
  readonly isDetached: boolean;
  run(effect: HeldEffect): unknown;
  readonly origin?: Origin | undefined;
}

const toBoth =
  (telemetry: Telemetry, onEvent: GuardOptions['onEvent']) =>
  (event: GuardEvent): void => {
    telemetry.event(event);
    onEvent?.(event);
  };

/** One that cannot be listened to would only be noticed while the effect runs. */
function checkSignal(signal: AbortSignal | undefined): void {
  const isOne = (): boolean =>
    typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function';
  if (signal != null && !readable(isOne))
    throw new InvalidRequestError('signal is not an AbortSignal. Nothing was run.');
}

/** Lets effects happen once for each request id. One guard serves a whole process; make it once. */
export class Guard {
  /** @internal */
  readonly receipts: ReceiptStore;
  private readonly engine: GuardEngine;
  private readonly origin: Origin;
  private readonly defaults: EffectDefaults;
  private readonly longestMs: number;

  /** @throws InvalidRequestError without receipts, and for a duration that is none */
  constructor(options: GuardOptions) {
    const given = Object(options) as GuardOptions;
    const { receipts, onEvent, telemetry, origin = {}, timeout = '10m' } = given;
    assertReceipts('new Guard({ receipts })', receipts);
    this.receipts = receipts;
    this.engine = new GuardEngine({
      ...{ store: receipts, clock: systemClock, newToken: randomUUID, telemetry },
      onEvent: telemetry ? toBoth(telemetry, onEvent) : onEvent,
    });
    telemetry?.watch(receipts);
    this.origin = origin;
    // Understood once; and a duration that is none is refused now.
    const { leaseMs, graceMs, waitMs, retainMs } = effectTerms({}, given);
    const retention = retainMs === undefined ? {} : { retainFor: retainMs };
    this.defaults = { leaseFor: leaseMs, graceFor: graceMs, waitFor: waitMs, ...retention };
    this.longestMs = toMs('timeout', timeout);
  }

  /**
   * Runs the effect of a request id, or gives the outcome that it had. Never runs it twice, whoever calls, as long as they
   * share the receipts. A retry after any error is safe: with the same request id.
   * @returns what became of it, also where the provider finally said no (`RejectedError`, `classify`): `ok: false`
   * @throws OutcomeUnknownError where nobody knows whether it happened: nothing runs until that is resolved
   * @throws InFlightError where somebody else runs it and is not done within `waitFor`
   * @throws NotCommittedError where the effect said that nothing happened; a retry runs it again
   * @throws RequestIdReusedError where the id belongs to another action or payload
   * @throws ReceiptStoreUnavailableError where the receipts cannot be reached: nothing was run
   * @throws InvalidRequestError for what cannot be guarded: nothing was run
   */
  execute<P, R>(request: ExecuteRequest<P, R>): Promise<ExecutionReceipt<R>> {
    return this.executeFrom(request, undefined);
  }

  /** @internal */
  async executeFrom<P, R>(
    request: ExecuteRequest<P, R>,
    origin: Origin | undefined,
    { isDetached = request?.transactional !== true } = {},
  ): Promise<ExecutionReceipt<R>> {
    if (typeof request !== 'object' || (request as unknown) === null)
      throw new InvalidRequestError('execute: the request is not an object. Nothing was run.');
    const { payload, run, action } = request;
    if (typeof run !== 'function')
      throw new InvalidRequestError('execute: run is not a function. Nothing was run.');
    const outcome = await this.call(request, {
      payload,
      origin,
      isDetached,
      run: (effect) => run(payload as P, effect),
    });
    return receiptOf<R>(action, outcome);
  }

  /**
   * Wraps a function, which is then guarded wherever it is called, and gives its own result and throws its own errors:
   * also on a replay. Errors are those of {@link execute}.
   *
   * Without a function it gives a decorator of asynchronous methods (standard decorators, not `experimentalDecorators`):
   * `@guard.wrap({ requestId: (order) => … }) async charge(order: Order) { … }`.
   */
  wrap<F extends AnyFunction>(options: WrapOptions<F>, fn: F): Wrapped<F>;
  wrap<A extends unknown[]>(options: WrapOptions<(...args: A) => unknown>): MethodDecorator<A>;
  wrap(options: WrapOptions<AnyFunction>, fn?: AnyFunction): unknown {
    return wrapped(options, fn, (request, effect) => this.call(request, { ...effect, isDetached: false }));
  }

  /**
   * Waits until all calls have ended and written what they know, but no longer than `ms`: before the receipts are closed.
   * @returns whether all have ended
   */
  drain(ms: number): Promise<boolean> {
    return this.engine.drain(ms);
  }

  private call(
    request: Omit<ExecuteRequest<never, unknown>, 'payload' | 'run'>,
    effect: Effect,
  ): Promise<CallOutcome> {
    const { payload, isDetached, origin } = effect;
    const { action, fingerprint, generation = 1, signal, mayBeOlder } = request;
    checkedAction(action);
    if ((request.onUnknown as unknown) === 'ask')
      throw new InvalidRequestError(
        "onUnknown: 'ask' is for Temporal, where a workflow waits for the decision. Say 'hold'. Nothing was run.",
      );
    checkSignal(signal);
    const identity = checkedId(request.requestId, action);
    const content = fingerprint === undefined ? payload : checkedContent(action, fingerprint);
    const terms = effectTerms(request, this.defaults);
    const shown = shownPayload(action, request.redact as EffectOptions<unknown>['redact'], payload);
    const call = underTerms(terms, {
      requestId: identity.requestId,
      requestIdHash: identity.requestIdHash,
      action,
      payload,
      fingerprint: checkedFingerprint(action, content, identity.requestId),
      origin: origin || shown ? { ...this.origin, ...origin, ...shown } : this.origin,
      generation: checkedGeneration(generation),
      isDetached,
      deadline: systemClock.monotonic() + this.timeoutMs(request),
      mayBeOlderMs: mayBeOlder == null ? undefined : toMs('mayBeOlder', mayBeOlder),
      attempt: 1,
      signal,
      codec: storedOutcomes,
      run: async (held) => {
        held.begin();
        return effect.run(held);
      },
    });
    return this.engine.run(call);
  }

  private timeoutMs({ timeout }: { readonly timeout?: Duration }): number {
    return timeout === undefined ? this.longestMs : toMs('timeout', timeout);
  }
}

function receiptOf<R>(action: string, outcome: CallOutcome): ExecutionReceipt<R> {
  const { requestId, key: executionId } = outcome;
  switch (outcome.kind) {
    case 'result': {
      const { replayed, value } = outcome;
      const reason = replayed ? 'dedup_same_request_id' : 'executed';
      return { ok: true, reason, action, requestId, executionId, replayed, result: value as R };
    }
    case 'rejected': {
      const { replayed, error } = outcome;
      const reason = `execute_failed:${errorName(error)}` as const;
      return { ok: false, reason, action, requestId, executionId, replayed, error };
    }
    case 'delegated':
      throw new Error('unreachable: no effect of a guard is delegated');
    default:
      return outcome satisfies never;
  }
}
