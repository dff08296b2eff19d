/**
 * Registers the guard on a worker: the activity interceptor (outermost, so that what it stores is what the history
 * gets), the workflow interceptors (in bundles made by the worker, by `bundleWorkflowCode` and in replays), and a
 * check of receipts and configuration before the worker polls. For Nexus handlers, it hands on the caller's scope.
 */
import { randomUUID } from 'node:crypto';

import { SimplePlugin } from '@temporalio/plugin';
import type {
  ActivityInterceptorsFactory,
  BundleOptions,
  Worker,
  WorkerInterceptors,
  WorkerOptions,
} from '@temporalio/worker';

import {
  checkBudget,
  GuardEngine,
  InvalidRequestError,
  type GuardEvent,
  type ReceiptStore,
  type SourceBudget,
  type Telemetry,
} from '../../core';
import { systemClock } from '../../system-clock';
import { eventLog } from './event-log';
import type { GuardDefaults } from './guarded-call';
import { activityInterceptor } from './interceptor';
import { nexusInterceptors, type NexusCaller } from './nexus';
import { preflight } from './preflight';
import { startReconciling } from './reconcile';
import { guardActivities } from './resolve-outcome';

/** How a worker finds out unknown outcomes. */
export interface ReconcileOptions {
  /**
   * How often the reconciler may ask the probe of an action, in each process; `{ atOnce: 4, perSecond: 20 }` for those
   * that are not named. Actions that are given the same object share it: one for each provider. What an attempt asks for
   * itself is not counted.
   */
  readonly budgets?: Readonly<Record<string, SourceBudget>>;
}

/** How a worker guards its activities. Durations are milliseconds or texts such as `'30s'`. */
export interface ActivityGuardOptions extends GuardDefaults {
  /** Where the receipts are kept, such as `pgReceipts(pool)`. Yours to close after the worker has stopped. */
  readonly receipts: ReceiptStore;
  /**
   * Finds out unknown outcomes while the worker runs, by what sources have said, by Temporal's history and by the probes
   * of its activities, and has those who wait for them go on at once. Any number of workers may do it; off unless given.
   */
  readonly reconcile?: boolean | ReconcileOptions;
  /** Told what happens to request ids; for metrics and logs. What it throws is ignored. */
  readonly onEvent?: (event: GuardEvent) => void;
  /** Traces and metrics, such as `telemetry()` of `activity-guard/otel`. */
  readonly telemetry?: Telemetry;
  /**
   * Which Nexus callers the workflows that an operation starts are tied to, so that the same operation again has the
   * same request ids; by default all. A caller chooses what it sends: one that means harm can send the same twice,
   * and gets the receipts of its own earlier calls where the workflow would act anew. Refuse callers whom you would
   * not let choose your idempotency keys. What it throws fails the operation, which Temporal then retries.
   */
  readonly trustNexusCaller?: (caller: NexusCaller) => boolean;
}

/** A worker that has ended waits this long for its effects; those that still run keep their claims. */
const longestDrainMs = 10_000;

/** The identity first: the others read the header that it writes. */
const workflowModules = ['interceptors', 'outcomes-interceptors'].map((name) =>
  require.resolve(`../workflow/${name}`),
);

/** An interceptor that calls activities before the workflow starts must find the run's identity known. */
const oursFirst = (modules: string[] | undefined): string[] | undefined =>
  modules?.some((module) => workflowModules.includes(module))
    ? [...workflowModules, ...modules.filter((module) => !workflowModules.includes(module))]
    : modules;

/**
 * A worker of workflows alone stays one: with a single activity it would be given the tasks of all those that it has not
 * got. Who lists `guardActivities` has them already.
 */
const withOurs = (activities: object, { receipts }: ActivityGuardOptions): object =>
  Object.keys(activities).length > 0 ? { ...guardActivities({ receipts }), ...activities } : activities;

/** An observer must not change the outcome of an effect, nor end the process. */
function observedBy({ onEvent, telemetry }: ActivityGuardOptions): (event: GuardEvent) => void {
  const log = eventLog(systemClock);
  return (event) => {
    log(event);
    telemetry?.event(event);
    if (onEvent)
      void Promise.resolve(event)
        .then(onEvent)
        .catch(() => undefined);
  };
}

const budgetsOf = ({ reconcile }: ActivityGuardOptions): ReconcileOptions['budgets'] =>
  typeof reconcile === 'object' ? reconcile.budgets : undefined;

function newEngine(options: ActivityGuardOptions): GuardEngine {
  const { receipts: store, telemetry } = options;
  telemetry?.watch(store);
  const onEvent = observedBy(options);
  return new GuardEngine({ store, clock: systemClock, newToken: randomUUID, onEvent, telemetry });
}

/**
 * The guard's interceptors, to register by hand: `Worker.create({ interceptors: activityGuardInterceptors({ receipts,
 * activities }), … })`. Put `activity` first in a list of several. Give the same `activities` to the worker, or
 * marked functions are not recognised and refuse to run.
 */
export function activityGuardInterceptors(
  options: ActivityGuardOptions & { readonly activities: object },
): Required<Pick<WorkerInterceptors, 'activity' | 'workflowModules' | 'nexus' | 'client'>> {
  const { activities, telemetry, ...defaults } = options;
  return {
    activity: [activityInterceptor({ engine: newEngine(options), defaults, activities, telemetry })],
    workflowModules: [...workflowModules],
    ...nexusInterceptors(options.trustNexusCaller),
  };
}

/**
 * Guards the activities of a worker: those marked with `guarded()`, and those that `guard` names. Give it to
 * `Worker.create`, and to `bundleWorkflowCode` where the bundle is made beforehand.
 */
export class ActivityGuardPlugin extends SimplePlugin {
  private readonly engine: GuardEngine;
  private readonly checked = new WeakSet<Worker>();
  /** The workers that run our interceptors, one for each that was configured; set before they poll. */
  private readonly places = new WeakMap<
    ActivityInterceptorsFactory,
    { readonly activities: object; worker?: Worker }
  >();
  /** How many workers run with this plugin; the same one counts twice if it is on the connection, too. */
  private running = 0;

  /** @throws InvalidRequestError for a budget that cannot be kept */
  constructor(private readonly guard: ActivityGuardOptions) {
    super({
      name: 'activity-guard',
      workerInterceptors: {
        workflowModules: [...workflowModules],
        ...nexusInterceptors(guard.trustNexusCaller),
      },
    });
    for (const [action, budget] of Object.entries(budgetsOf(guard) ?? {})) checkBudget(action, budget);
    this.engine = newEngine(guard);
  }

  override configureWorker(options: WorkerOptions): WorkerOptions {
    const configured = super.configureWorker(options);
    const { activities = {}, interceptors } = configured;
    const ours = this.interceptorFor(activities);
    const modules = oursFirst(interceptors?.workflowModules);
    const activity = [ours, ...(interceptors?.activity ?? [])];
    return {
      ...configured,
      activities: withOurs(activities, this.guard),
      // SimplePlugin leaves out what it does not know, such as `activityInbound` (1.24).
      interceptors: {
        ...options.interceptors,
        ...interceptors,
        activity,
        ...(modules && { workflowModules: modules }),
      },
    };
  }

  /**
   * Its place among all is known only once the worker is made: plugins after this one may put theirs before it. The SDK
   * runs `activityInbound` and `activity` in this order, the first one outermost, and adds none of its own (1.24).
   */
  private interceptorFor(activities: object): ActivityInterceptorsFactory {
    const place: { readonly activities: object; worker?: Worker } = { activities };
    const isOutermost = (): boolean => place.worker?.options.interceptors.activity[0] === ours;
    const { engine, guard: defaults } = this;
    const { telemetry } = defaults;
    const ours = activityInterceptor({ engine, defaults, activities, telemetry, isOutermost });
    this.places.set(ours, place);
    return ours;
  }

  override configureBundler(options: BundleOptions): BundleOptions {
    const configured = super.configureBundler(options);
    const modules = oursFirst(configured.workflowInterceptorModules);
    return { ...configured, ...(modules && { workflowInterceptorModules: modules }) };
  }

  /**
   * Warns of what would weaken the guard of this worker, before any task is polled.
   * @throws ReceiptStoreUnavailableError when the receipts cannot be used
   * @throws InvalidRequestError when the guard is configured so that it cannot work
   */
  override async runWorker(worker: Worker, next: (worker: Worker) => Promise<void>): Promise<void> {
    // The same plugin on the connection and on the worker comes here twice.
    const isFirst = !this.checked.has(worker);
    if (isFirst) {
      await preflight(worker, this.guard.receipts, this.guard);
      this.checked.add(worker);
    }
    const [place] = worker.options.interceptors.activity.flatMap((factory) => this.places.get(factory) ?? []);
    if (place) place.worker = worker;
    const stopReconciling = isFirst ? this.reconcileFor(worker, place?.activities ?? {}) : undefined;
    this.running++;
    try {
      return await super.runWorker(worker, next);
    } finally {
      await stopReconciling?.();
      // Effects may outlive their worker. Whoever closes the pool next must not cut off what they have to write;
      // another worker of this plugin still needs the pool.
      if (--this.running === 0) await this.engine.drain(longestDrainMs);
    }
  }

  private reconcileFor({ client }: Worker, activities: object): (() => Promise<void>) | undefined {
    const { receipts, reconcile, telemetry } = this.guard;
    if (!reconcile) return undefined;
    if (!client) {
      throw new InvalidRequestError(
        'reconcile needs a worker with a connection to Temporal. Take it away, or run `activity-guard reconcile --watch` beside the workers.',
      );
    }
    return startReconciling({
      ...{ receipts, client, activities, budgets: budgetsOf(this.guard) },
      onEvent: observedBy(this.guard),
      onPass: (counts) => telemetry?.reconciled(counts),
    });
  }
}
