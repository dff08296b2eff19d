/** The rows of the matrix. */
import type { Cell } from './cells';
import type { Site } from './site';
import type { Terms } from './temporal/activities';
import { TemporalSite } from './temporal/site';
import type { Point } from './terms';
import type { Server, World } from './world';

export interface System {
  readonly name: string;
  readonly title: string;
  readonly isOurs: boolean;
  /** How it is set up, for people. */
  readonly setUp: string;
  /** More than one effect for an intent is what these terms allow. */
  readonly mayRepeat: boolean;
  /** The cells that do not exist for it, each with the reason. */
  readonly notApplicable: Readonly<Record<string, string>>;
  readonly underWay: Point;
  readonly settles: readonly RegExp[];
  /** The server it needs besides Temporal and Postgres, which are there. */
  readonly needs?: Server;
  /** The Python packages it needs. */
  readonly requirements?: string;
  readonly honoursKeys?: boolean;
  storeUrl(world: World): string;
  /** @param batch tells its site from all others */
  site(world: World, batch: string, cell: Cell): Site;
}

function onTemporal(terms: Terms, more: Pick<System, 'title' | 'setUp'> & Partial<System>): System {
  return {
    name: terms,
    isOurs: true,
    mayRepeat: false,
    notApplicable: {},
    underWay: 'effect-done',
    settles: [/activity_guard_settle/],
    storeUrl: ({ postgres }) => postgres.url,
    // Two starts with one workflow id are one workflow: for Temporal, that is what two racers are.
    site: (world, batch, cell) =>
      new TemporalSite(world, terms, batch, cell.name === 'racers' && (more.isOurs ?? true)),
    ...more,
  };
}

const noClaim = 'it writes nothing before the effect';
const noStore = 'it keeps nothing of its own: Temporal has the result, or nobody';
const unguarded: Partial<System> = {
  isOurs: false,
  notApplicable: {
    ...{ 'before-claim': noClaim, 'after-claim': noClaim },
    ...{ 'settle-sent': noStore, settled: noStore, 'store-killed': noStore, cut: noStore },
  },
  settles: [],
};

const refused =
  'in this row the store refuses all settlements of the first worker, so that only the history knows';

export const temporalSystems: readonly System[] = [
  onTemporal('hold', {
    title: 'activity-guard, hold',
    setUp: "the default, `onUnknown: 'hold'`: a person looks at the provider's books and decides",
  }),
  onTemporal('probe', {
    title: 'activity-guard, probe',
    setUp: 'a probe asks the provider by request id',
  }),
  onTemporal('history', {
    title: 'activity-guard, history',
    setUp: `\`hold\` with \`reconcile: true\`; ${refused}; a person decides where the history has no result`,
    notApplicable: { 'settle-sent': refused, settled: refused, cut: refused },
  }),
  onTemporal('retry', {
    title: 'activity-guard, retry',
    setUp:
      "`onUnknown: 'retry'`, and a provider that ignores keys, against what the documentation says of it",
    mayRepeat: true,
  }),
  {
    ...onTemporal('retry', {
      title: 'activity-guard, retry, keys honoured',
      setUp: "`onUnknown: 'retry'`, and a provider that has no second effect for one request id",
      honoursKeys: true,
    }),
    name: 'retry-honoured',
  },
  onTemporal('transaction', {
    title: 'activity-guard, transaction',
    setUp:
      'the effect is a row in the same database, written in one transaction with the receipt; rows are counted',
    notApplicable: { 'effect-done': 'effect and receipt are one commit: see "settle sent" and "settled"' },
    underWay: 'request-sent',
    settles: [/\bcommit\b/i],
  }),
  onTemporal('bare', {
    title: 'Temporal, bare activity',
    setUp: 'an activity that calls the provider, retried by Temporal',
    ...unguarded,
  }),
  onTemporal('officialKey', {
    title: 'Temporal, its idempotency key',
    setUp:
      'the same with workflow run id and activity id as the key, as its documentation advises; the provider ignores keys',
    ...unguarded,
  }),
];
