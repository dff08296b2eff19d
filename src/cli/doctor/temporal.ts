/** What `doctor` looks at in Temporal. */
import type * as ClientPackage from '@temporalio/client';

import { spoken } from '../../core';
import { TemporalAwayError, withTemporal } from '../../operator';
import { PackageMissingError } from '../../optional-package';
import { allSkipped, fail, messageOf, ok, run, skipped, warn, type Check, type Checked } from './check';
import type { Standing } from './database';

type Client = ClientPackage.Client;

interface Facts {
  readonly client: Client;
  readonly taskQueue: string | undefined;
  readonly standing: Standing | undefined;
}

const longestAskMs = 5000;
const connectTimeout = '3s';

/** Codes of gRPC. */
const grpc = { notFound: 5, permissionDenied: 7, unimplemented: 12 };

const activityQueue = 2;

const pluginName = 'activity-guard';

const listed = (names: Iterable<string>): string => [...new Set(names)].sort().join(', ');

const inTime = <T>({ connection }: Client, ask: () => Promise<T>): Promise<T> =>
  (connection as ClientPackage.Connection).withDeadline(Date.now() + longestAskMs, ask);

/** @returns the gRPC code where it is one of these */
async function orCode<T>(work: Promise<T>, ...codes: number[]): Promise<T | number> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (typeof code === 'number' && codes.includes(code)) return code;
    throw error;
  }
}

interface Described {
  readonly config?: {
    readonly workflowExecutionRetentionTtl?: { readonly seconds?: { toString(): string } | null } | null;
  } | null;
}

const described = ({ client }: Facts): Promise<Described | number> => {
  const { namespace } = client.options;
  return orCode(
    inTime(client, () => client.workflowService.describeNamespace({ namespace })),
    ...[grpc.notFound, grpc.permissionDenied],
  );
};

function retention(histories: Described, { client, standing }: Facts) {
  const seconds = Number(histories.config?.workflowExecutionRetentionTtl?.seconds?.toString() ?? NaN);
  if (Number.isNaN(seconds)) return skipped('the namespace does not tell how long it keeps histories');
  const found = `${client.options.namespace} keeps closed histories for ${spoken(seconds * 1000)}`;
  const shortest = standing?.shortestRetainMs;
  if (shortest === undefined) return ok(`${found}; prune --older-than longer than that`);
  return shortest <= seconds * 1000
    ? warn(
        `${found}, and receipts may be pruned after ${spoken(shortest)}: a reset can come later (retention-short)`,
        'Raise retainFor to that time plus the longest workflow. See docs/preflight.md.',
      )
    : ok(`${found}; receipts stay for ${spoken(shortest)}`);
}

/** What workers tell of themselves in heartbeats, once a minute. */
async function heartbeats(
  { client }: Facts,
  query: string,
): Promise<readonly { identity: string; taskQueue: string; isGuarded: boolean }[]> {
  const { namespace } = client.options;
  const answer = await orCode(
    inTime(client, () => client.workflowService.listWorkers({ namespace, query })),
    ...[grpc.permissionDenied, grpc.unimplemented],
  );
  if (typeof answer === 'number') return [];
  return (answer.workersInfo ?? []).map(({ workerHeartbeat }) => ({
    identity: workerHeartbeat?.workerIdentity ?? '',
    taskQueue: workerHeartbeat?.taskQueue ?? '',
    isGuarded: workerHeartbeat?.plugins?.some(({ name }) => name === pluginName) ?? false,
  }));
}

const howToRegister =
  'Register new ActivityGuardPlugin({ receipts }) on the worker (or activityGuardInterceptors() by hand): guarded() functions refuse to run without it.';

async function pollers(facts: Facts, taskQueue: string) {
  const { client, standing } = facts;
  const answer = await inTime(client, () =>
    client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: activityQueue,
    }),
  );
  const identities = (answer.pollers ?? []).map(({ identity }) => identity ?? '');
  if (identities.length === 0)
    return fail(
      `nobody polls task queue ${taskQueue} for activities`,
      'Start its workers; what waits for a decision goes on only then. Is that its name, and the namespace?',
    );
  // The server finds no names with quotes in them.
  const query = /['"\\]/.test(taskQueue) ? '' : `TaskQueue='${taskQueue}'`;
  const told = (await heartbeats(facts, query)).filter(
    (worker) => worker.taskQueue === taskQueue && identities.includes(worker.identity),
  );
  const guarded = new Set(told.filter(({ isGuarded }) => isGuarded).map(({ identity }) => identity));
  // Unless it is given another one, a worker's identity is what its claims have of it.
  for (const worker of standing?.workers ?? []) if (identities.includes(worker)) guarded.add(worker);
  const bare = told.filter(({ identity }) => !guarded.has(identity)).map(({ identity }) => identity);
  const found = `${identities.length} poll task queue ${taskQueue} for activities`;
  if (bare.length > 0) return warn(`${found}; without the plugin: ${listed(bare)}`, howToRegister);
  return guarded.size > 0
    ? ok(`${found}; with the guard: ${listed(guarded)}`)
    : warn(
        `${found}; none has told of the plugin (a worker does a minute after its start, where the server takes it), nor claimed lately`,
        howToRegister,
      );
}

const checks = {
  temporal: async ({ client }) => {
    const { serverVersion } = await inTime(client, () => client.workflowService.getSystemInfo({}));
    const { address } = (client.connection as ClientPackage.Connection).options;
    return ok(`server ${serverVersion} at ${address}`);
  },

  'temporal namespace': async (facts) => {
    const { namespace } = facts.client.options;
    const answer = await described(facts);
    if (answer === grpc.notFound)
      return fail(
        `there is no namespace ${namespace}`,
        `Set TEMPORAL_NAMESPACE, or create it: temporal operator namespace create --namespace ${namespace}`,
      );
    return answer === grpc.permissionDenied
      ? warn(`${namespace} may not be described`, 'Allow it to this client: DescribeNamespace.')
      : ok(namespace);
  },

  retention: async (facts) => {
    const answer = await described(facts);
    return typeof answer === 'number'
      ? skipped('the namespace cannot be described')
      : retention(answer, facts);
  },

  workers: async (facts) => {
    const { taskQueue } = facts;
    if (taskQueue !== undefined) return pollers(facts, taskQueue);
    const guarded = (await heartbeats(facts, '')).filter(({ isGuarded }) => isGuarded);
    return guarded.length > 0
      ? ok(`${guarded.length} with the guard, on ${listed(guarded.map((worker) => worker.taskQueue))}`)
      : skipped('no worker has told of the plugin', 'Name a task queue: --task-queue NAME');
  },
} satisfies Record<string, Check<Facts>>;

/** Looks at Temporal, where there should be one. */
export async function checkTemporal(
  facts: Omit<Facts, 'client'>,
  isWanted: boolean,
): Promise<readonly Checked[]> {
  if (!isWanted) return allSkipped(checks, '--no-temporal');
  try {
    return await withTemporal((client) => run(checks, { ...facts, client }), { connectTimeout });
  } catch (error) {
    const isMissing = error instanceof PackageMissingError;
    if (!isMissing && !(error instanceof TemporalAwayError)) throw error;
    const why = messageOf(error);
    const rest = allSkipped(checks, 'Temporal cannot be reached');
    const fix = 'Set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or a profile; --no-temporal leaves it out.';
    const said =
      !isMissing && error.isConfigured
        ? fail(why, fix)
        : skipped(isMissing ? why : `none is configured: ${why}`, fix);
    return rest.map((each) => (each.check === 'temporal' ? { ...each, ...said } : each));
  }
}
