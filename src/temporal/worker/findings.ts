/**
 * What would weaken the guard of a worker that is about to start, and what to change. Every check is one entry of
 * {@link checks}; `docs/preflight.md` lists them. Pure.
 */
import { spoken, storeChecks, toMs, type StoreDescription } from '../../core';
import type { GuardedOptions } from '../activity/options';
import { listed, type Finding, type FindingLevel } from './finding';
import type { GuardDefaults } from './guarded-call';
import { isListed } from './interceptor';

/** What the checks look at. */
export interface PreflightFacts {
  /** The names of all activities of the worker. */
  readonly registered: readonly string[];
  /** Those that are guarded; the ones that only a pattern names have no options. */
  readonly guarded: readonly { readonly name: string; readonly options: GuardedOptions }[];
  readonly defaults: GuardDefaults;
  readonly store: StoreDescription;
  /** How many activities can run at a time; `undefined` where a tuner decides. */
  readonly slots: number | undefined;
  readonly temporalNamespace: string;
  /** How long Temporal keeps closed histories; `undefined` where it did not say, or was not asked. */
  readonly historyRetentionMs: number | undefined;
}

/** A claim and a settle hold a connection for a millisecond or two; beyond this they queue up even so. */
const mostSlotsPerConnection = 50;

/** A lease is renewed every quarter of its length: a few slow round trips in a row must not lose it. */
const shortLeaseMs = 2000;

const durationOptions = ['leaseFor', 'graceFor', 'waitFor', 'retainFor', 'providerKeyTtl'] as const;

interface GivenDuration {
  /** Such as `leaseFor of chargeCard`. */
  readonly what: string;
  readonly option: (typeof durationOptions)[number];
  /** NaN where the text is none. */
  readonly ms: number;
}

function millisecondsOf(option: string, value: string | number): number {
  try {
    return toMs(option, value);
  } catch {
    return NaN;
  }
}

/** Every duration that somebody wrote down, and where. */
function durationsIn({ defaults, guarded }: PreflightFacts): readonly GivenDuration[] {
  const from = (where: string, options: GuardedOptions): GivenDuration[] =>
    durationOptions.flatMap((option) => {
      const value = options[option];
      return value === undefined
        ? []
        : [{ what: `${option} of ${where}`, option, ms: millisecondsOf(option, value) }];
    });
  const ofActivities = guarded.flatMap(({ name, options }) => from(name, options));
  return [...from('the plugin', defaults as GuardedOptions), ...ofActivities];
}

/** Those durations of one option for which `isWeak`, as text. */
const weakDurations = (
  facts: PreflightFacts,
  option: GivenDuration['option'],
  isWeak: (ms: number) => boolean,
): string =>
  listed(
    durationsIn(facts)
      .filter((given) => given.option === option && isWeak(given.ms))
      .map(({ what, ms }) => `${what} (${spoken(ms)})`),
  );

/** Activities whose effect is a transaction hold a connection as long as they run: what to say of them and the pool. */
function ofTransactions(facts: PreflightFacts, say: (poolSize: number, names: string) => string | false) {
  const names = facts.guarded.filter(({ options }) => options.transactional).map(({ name }) => name);
  const { poolSize } = facts.store;
  return names.length > 0 && poolSize !== undefined && say(poolSize, listed(names));
}

const retains = (facts: PreflightFacts): boolean =>
  durationsIn(facts).some(({ option }) => option === 'retainFor');

interface Check {
  readonly level: FindingLevel;
  /** The message if there is something to say. */
  readonly look: (facts: PreflightFacts) => string | false | undefined;
}

/** What is to be said of the store alone. */
const ofStore = Object.fromEntries(
  Object.entries(storeChecks).map(([code, look]) => [
    code,
    { level: 'warning', look: ({ store }) => look(store) },
  ]),
) as Record<keyof typeof storeChecks, Check>;

const checks = {
  'bad-duration': {
    level: 'error',
    look: (facts) => {
      const bad = durationsIn(facts).filter(({ ms }) => Number.isNaN(ms));
      return (
        bad.length > 0 &&
        `Not a duration: ${listed(bad.map(({ what }) => what))}. Every guarded call would be refused. Give milliseconds as a number, or a text such as '30s' or '5m'.`
      );
    },
  },
  'pool-too-small': {
    level: 'error',
    look: (facts) =>
      ofTransactions(
        facts,
        (poolSize, names) =>
          poolSize < 2 &&
          `The receipts' pool has ${poolSize} connection, and a transactional activity (${names}) holds one while it runs: no lease could be renewed meanwhile. Give the pool more, max: ${facts.slots ?? 10} or so.`,
      ),
  },
  'pool-below-transactions': {
    level: 'warning',
    look: (facts) =>
      ofTransactions(
        facts,
        (poolSize, names) =>
          facts.slots !== undefined &&
          poolSize >= 2 &&
          poolSize < facts.slots &&
          `The receipts' pool has ${poolSize} connections, but ${facts.slots} activities can run at a time, and a transactional one (${names}) holds a connection while it runs: the others, and renewals of leases, wait for it. Raise the pool's max above ${facts.slots}, or lower maxConcurrentActivityTaskExecutions and maxConcurrentLocalActivityExecutions.`,
      ),
  },
  'pool-crowded': {
    level: 'warning',
    look: ({ guarded, slots, store: { poolSize } }) =>
      guarded.length > 0 &&
      slots !== undefined &&
      poolSize !== undefined &&
      slots > mostSlotsPerConnection * poolSize &&
      `${slots} activities can run at a time over ${poolSize} connections to the receipts: claims and renewals of leases queue up, and leases can be lost. Raise the pool's max to ${Math.ceil(slots / mostSlotsPerConnection)} or more, or lower maxConcurrentActivityTaskExecutions and maxConcurrentLocalActivityExecutions.`,
  },
  ...ofStore,
  'short-lease': {
    level: 'warning',
    look: (facts) => {
      const short = weakDurations(facts, 'leaseFor', (ms) => ms < shortLeaseMs);
      return (
        short !== '' &&
        `A lease shorter than ${spoken(shortLeaseMs)} is lost when a few renewals are slow, and the effect is aborted with its outcome unknown: ${short}. Give '10s' or more.`
      );
    },
  },
  'retention-short': {
    level: 'warning',
    look: (facts) => {
      const { historyRetentionMs: kept = 0, temporalNamespace } = facts;
      // Not longer is too short already: the workflow's own time comes on top.
      const short = weakDurations(facts, 'retainFor', (ms) => ms <= kept);
      return (
        short !== '' &&
        `Receipts may be pruned while a workflow that needs them can still be reset: ${short}, but the Temporal namespace ${temporalNamespace} keeps closed histories for ${spoken(kept)}. Give at least that plus the time of the longest workflow.`
      );
    },
  },
  'retention-not-checked': {
    level: 'warning',
    look: (facts) =>
      facts.historyRetentionMs === undefined &&
      retains(facts) &&
      `Temporal did not say how long the namespace ${facts.temporalNamespace} keeps closed histories, so retainFor could not be compared with it. Allow this worker to describe its namespace, or see to it that retainFor is longer than the longest workflow plus that time.`,
  },
  'no-policy': {
    level: 'warning',
    look: ({ guarded }) => {
      const names = guarded
        .filter(({ options }) => options.onUnknown === undefined && !options.transactional)
        .map(({ name }) => name);
      return (
        names.length > 0 &&
        `Without onUnknown an unknown outcome waits for a person: ${listed(names)}. Give guarded({ onUnknown }) a probe that asks the provider, or say onUnknown: 'hold' if that is meant.`
      );
    },
  },
  'guards-nothing': {
    level: 'warning',
    look: ({ registered, defaults }) => {
      // A worker without activities runs none unguarded, and a default activity can have any name.
      if (registered.length === 0 || registered.includes('default')) return false;
      const idle = defaults.guard?.filter((entry) => !registered.some((name) => isListed([entry], name)));
      return (
        idle !== undefined &&
        idle.length > 0 &&
        `guard names what is not registered on this worker: ${listed(idle.map((entry) => (typeof entry === 'string' ? `'${entry}'` : String(entry))))}. If it is a typing error, the activity that was meant runs unguarded. Correct it, or leave it out here.`
      );
    },
  },
} as const satisfies Readonly<Record<string, Check>>;

/** The level of every code that a check at the start of a worker can find. */
export const startCodes: Readonly<Record<string, FindingLevel>> = Object.fromEntries(
  Object.entries(checks).map(([code, { level }]) => [code, level]),
);

/** What the checks find, errors first. */
export function findings(facts: PreflightFacts): readonly Finding[] {
  return Object.entries<Check>(checks)
    .flatMap(([code, { level, look }]) => {
      const message = look(facts);
      return message ? [{ level, code, message }] : [];
    })
    .sort((a, b) => a.level.localeCompare(b.level));
}
