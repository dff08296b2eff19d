/** What becomes of a guarded activity whose worker dies at each point of its call: for the tests of those who write it. */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

import type * as Sdk from '@temporalio/testing';

import type { AnyFunction, ReceiptStore } from '../core';
import { MemoryDatabase, MemoryReceipts } from '../stores/memory';
import { systemClock } from '../system-clock';
import type * as WorkerEntry from '../temporal/worker';
import { within } from './bounded';
import { crashAt, crashPoints, type CrashPoint } from './crash-points';
import { codeOf, messageOf, TestStackError } from './error';
import { requirePackage } from './optional-package';

/** The activity to be tried, and how its effects are counted. */
export interface CrashMatrixOptions<F extends AnyFunction> {
  /** As it is registered: marked with `guarded()`, or with `effect()` steps. */
  readonly activity: F;
  /** What every attempt is called with; a function where each point needs an intent of its own. */
  readonly args: Parameters<F> | ((point: CrashPoint) => Parameters<F>);
  /** How many effects the provider has seen up to now, over all intents. */
  readonly effects: () => number | Promise<number>;
  /**
   * Where the receipts are kept; in memory unless given, and then no time is waited for. Elsewhere each point takes the
   * activity's `leaseFor` and `graceFor`: make them short.
   */
  readonly receipts?: ReceiptStore;
  /** For each point, all attempts together; 30 s unless given. */
  readonly limitMs?: number;
}

/** What happened to one intent. */
export interface CrashRow {
  readonly point: CrashPoint;
  readonly effects: number;
  /** How the activity ended once it had been retried: `'held'` waits for somebody who knows what happened. */
  readonly end: 'returned' | 'failed' | 'held';
  /** The code of what was thrown. */
  readonly code?: string;
}

/** A row for each point; its text is a table. */
export interface CrashMatrix {
  readonly rows: readonly CrashRow[];
  toString(): string;
}

const [attempts, pauseMs] = [6, 500];

/**
 * Calls the activity once for each {@link CrashPoint}, abandons that attempt there, as if its process had died, and calls
 * it again with a fresh guard until it has returned, failed for good, or is held. No server is needed; `@temporalio/testing` is.
 * @throws TestStackError `NOT_ONCE`, with the table as its message, where an intent had more than one effect, or a result
 *   without one; `CRASH_POINT_NOT_REACHED` where an attempt never came to its point, as that of an activity without a guard
 */
export async function crashMatrix<F extends AnyFunction>(
  options: CrashMatrixOptions<F>,
): Promise<CrashMatrix> {
  const rows: CrashRow[] = [];
  for (const point of crashPoints) {
    const what = `the attempts that die ${point}`;
    rows.push(await within(options.limitMs ?? 30_000, what, tryPoint(options, point)));
  }
  const matrix: CrashMatrix = { rows, toString: () => tableOf(rows) };
  const isWrong = ({ effects, end }: CrashRow): boolean =>
    effects > 1 || (effects === 0 && end === 'returned');
  if (rows.some(isWrong)) throw new TestStackError('NOT_ONCE', `Not exactly once:\n${matrix.toString()}`);
  return matrix;
}

async function tryPoint<F extends AnyFunction>(
  { activity, args, effects, receipts: given }: CrashMatrixOptions<F>,
  point: CrashPoint,
): Promise<CrashRow> {
  const time = new JumpingClock();
  const receipts = given ?? new MemoryReceipts(new MemoryDatabase(time));
  const input = typeof args === 'function' ? args(point) : args;
  const workflowId = `crash-matrix-${randomUUID()}`;
  const call = (store: ReceiptStore) => attempt(activity, input, store, workflowId);
  const before = await effects();
  await dieAt(point, receipts, call);
  time.jump();
  const pause = async (): Promise<void> => (given ? systemClock.sleep(pauseMs) : time.jump());
  const end = await untilEnded(() => call(receipts), pause);
  return { point, effects: (await effects()) - before, ...end };
}

/** Leaves the attempt at the point, and nothing of it reaches the receipts any more. */
async function dieAt(
  point: CrashPoint,
  receipts: ReceiptStore,
  call: (store: ReceiptStore) => Promise<unknown>,
): Promise<void> {
  const never = new Promise<never>(() => undefined);
  let isDead = false;
  const mortal = new Proxy(receipts, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => (isDead ? never : method(...args));
    },
  });
  const died = new Promise<true>((resolve) => {
    const crash = (): Promise<void> => {
      isDead = true;
      resolve(true);
      return never;
    };
    const ended = (): void => resolve(true);
    call(crashAt(mortal, point, crash)).then(ended, ended);
  });
  await died;
  if (isDead) return;
  throw new TestStackError(
    'CRASH_POINT_NOT_REACHED',
    `The attempt ended without coming to the point ${point}. Is the activity guarded, and does it act in its first attempt?`,
  );
}

async function untilEnded(
  call: () => Promise<unknown>,
  pause: () => Promise<void>,
): Promise<Pick<CrashRow, 'end' | 'code'>> {
  for (let n = 1; ; n++) {
    try {
      await call();
      return { end: 'returned' };
    } catch (error) {
      const { type, nonRetryable } = error as { type?: string; nonRetryable?: boolean };
      const code = type ?? codeOf(error) ?? messageOf(error);
      const isOver = nonRetryable === true || n === attempts;
      if (isOver) return { end: code === 'OutcomeUnknown' ? 'held' : 'failed', code };
      await pause();
    }
  }
}

function attempt(
  activity: AnyFunction,
  args: unknown[],
  receipts: ReceiptStore,
  workflowId: string,
): Promise<unknown> {
  const { MockActivityEnvironment } = requirePackage<typeof Sdk>('@temporalio/testing', 'to run activities');
  // Not imported above: it loads packages that only this needs.
  const { activityGuardInterceptors } = createRequire(__filename)('../temporal/worker') as typeof WorkerEntry;
  const activityType = activity.name || 'activity';
  const { activity: interceptors } = activityGuardInterceptors({
    receipts,
    activities: { [activityType]: activity },
  });
  const env = new MockActivityEnvironment(
    {
      activityType,
      ...{
        startToCloseTimeoutMs: 60_000,
        scheduleToCloseTimeoutMs: 0,
        currentAttemptScheduledTimestampMs: Date.now(),
      },
      workflowExecution: { workflowId, runId: workflowId },
    },
    { interceptors, logger: quiet },
  );
  return env.run(activity, ...args);
}

const silent = (): void => undefined;
const quiet = { log: silent, trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** Between two attempts every lease and grace time is over. */
class JumpingClock {
  private aheadMs = 0;

  jump(): void {
    this.aheadMs += 3_600_000;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.aheadMs;
  }

  wall(): number {
    return systemClock.wall() + this.aheadMs;
  }
}

function tableOf(rows: readonly CrashRow[]): string {
  const lines = [
    ['killed', 'effects', 'then'],
    ...rows.map(({ point, effects, end, code }) => [
      point,
      String(effects),
      code === undefined ? end : `${end}: ${code}`,
    ]),
  ];
  return lines
    .map(([point = '', effects = '', end]) => `${point.padEnd(14)}  ${effects.padEnd(7)}  ${end}`)
    .join('\n');
}
