/** What `doctor` looks at in the database. */
import { spoken, storeChecks, type StoreDescription } from '../../core';
import type { PostgresReceipts } from '../../stores/pg';
import { howToReach } from '../reaching';
import { fail, messageOf, ok, skipped, warn, type Check, type Checked, allSkipped, run } from './check';

type Inspection = Awaited<ReturnType<PostgresReceipts['inspect']>>;
export type Standing = Awaited<ReturnType<PostgresReceipts['standing']>>;

/** The versions that the tests run on, in the form of `server_version_num`. */
const oldestTested = 150_000;

/** Beyond this share of all connections a few more workers find none. */
const crowded = 0.8;

const dayMs = 86_400_000;

/** The longest pause between two looks of a reconciler: who knows the outcome has been asked by then. */
const mostPauseMs = 10 * 60_000;

/** A reconciler that watches goes through the claims every few seconds. */
const idleMs = 60_000;

interface Facts {
  readonly receipts: PostgresReceipts;
  readonly where: string;
  readonly inspection: Inspection;
}

/** What gives a role what it needs. */
const asOwner = (role: string): string =>
  `As the owner of the tables: activity-guard migrate --workers ${role}`;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Those that need a connection alone. */
const reachable = {
  database: ({ inspection: { database, role }, where }) => ok(`${database} at ${where}, as role ${role}`),

  version: ({ inspection: { version, versionNumber } }) =>
    versionNumber < oldestTested
      ? warn(`PostgreSQL ${version}; the guard is tested from 15`, 'Upgrade the server to 15 or later.')
      : ok(`PostgreSQL ${version}`),

  connections: ({ inspection: { connections, mostConnections, isPooled } }) => {
    const found = `${connections} of ${mostConnections} connections are in use${isPooled ? ', and a pooler is in between' : ''}`;
    return connections > crowded * mostConnections
      ? warn(
          found,
          'Lower the pools of the workers, put PgBouncer in front, or raise max_connections: a claim that gets no connection fails, and nothing runs.',
        )
      : ok(found);
  },

  privileges: ({ receipts: { schemaName }, inspection }) => {
    const { role, isSuperuser, mayUseSchema, lacking, excessive } = inspection;
    const schema = quoted(schemaName);
    if (!mayUseSchema) return fail(`role ${role} may not use the schema ${schema}`, asOwner(role));
    if (lacking !== '') return fail(`role ${role} lacks ${lacking}`, asOwner(role));
    if (isSuperuser)
      return warn(
        `role ${role} is a superuser: more than the guard needs`,
        `Give workers a role of their own. ${asOwner('ROLE')}`,
      );
    return excessive !== ''
      ? warn(
          `role ${role} has ${excessive}: more than the guard needs`,
          `Give workers a role that owns nothing. ${asOwner('ROLE')}`,
        )
      : ok(`role ${role} may do what the guard needs, and no more`);
  },

  schema: async ({ receipts }) => {
    try {
      await receipts.checkInstalled();
    } catch (error) {
      return fail(
        messageOf(error),
        'Run `activity-guard migrate` with a role that may create tables; with --schema where it is another one.',
      );
    }
    return ok(`the tables in schema ${quoted(receipts.schemaName)} are at the version of this program`);
  },
} satisfies Record<string, Check<Facts>>;

interface StoreFacts {
  readonly receipts: PostgresReceipts;
  readonly description: Promise<StoreDescription>;
  readonly standing: Promise<Standing>;
}

/** Says what preflight says of it before a worker starts. */
const described =
  (code: keyof typeof storeChecks, good: string): Check<StoreFacts> =>
  async ({ description }) => {
    const found = storeChecks[code](await description);
    return found ? warn(`${found} (${code})`, 'See docs/preflight.md.') : ok(good);
  };

const openIn = async ({ receipts, standing }: StoreFacts) =>
  (await standing).open.find(({ namespace }) => namespace === receipts.namespace);

/** Those that need the tables. */
const usable = {
  durability: async ({ receipts }) => {
    try {
      await receipts.checkSettings();
    } catch (error) {
      return fail(messageOf(error), 'Connect to the primary, and set fsync and synchronous_commit to on.');
    }
    return ok('a primary with fsync and synchronous_commit on');
  },

  clock: described('clock-skew', "the database's clock and this machine's agree within 5 s"),
  failover: described('failover-unseen', 'a failover would be noticed'),
  replication: described('replicates-late', 'no commit is acknowledged ahead of a replica'),

  'unknown outcomes': async (facts) => {
    const { unresolved = 0, oldestMs = 0 } = (await openIn(facts)) ?? {};
    if (unresolved === 0) return ok('none');
    const found = `${unresolved}, the oldest for ${spoken(oldestMs)}`;
    const fix =
      'activity-guard list --unresolved, then show each, look it up at the provider, and resolve it; activity-guard reconcile asks what can be asked.';
    return oldestMs > mostPauseMs ? fail(found, fix) : warn(found, fix);
  },

  contested: async (facts) => {
    const { contested = 0 } = (await openIn(facts)) ?? {};
    return contested === 0
      ? ok('none')
      : fail(
          `${contested}: their sources contradict each other`,
          'Nobody but a person ends that: activity-guard list --state contested, show each, and resolve or supersede it.',
        );
  },

  delegated: async (facts) => {
    const { delegated = 0 } = (await openIn(facts)) ?? {};
    return delegated === 0
      ? ok('none for longer than a day')
      : warn(
          `${delegated} for longer than a day: handed over, and never completed`,
          'activity-guard list --state delegated --until 1d; complete them by GuardedCompletion, or resolve them.',
        );
  },

  'other namespaces': async ({ receipts, standing }) => {
    const others = (await standing).open.filter(
      ({ namespace, unresolved, contested }) =>
        namespace !== receipts.namespace && unresolved + contested > 0,
    );
    return others.length === 0
      ? ok(`nothing is open besides namespace ${receipts.namespace}`)
      : warn(
          `open as well: ${others.map(({ namespace, unresolved, contested }) => `${unresolved + contested} in ${namespace}`).join(', ')}`,
          'activity-guard doctor --namespace NAME',
        );
  },

  reconciler: async (facts) => {
    const { reconciledMsAgo: ago } = await facts.standing;
    if (ago !== undefined && ago < idleMs)
      return ok(`one is at work: it looked ${spoken(Math.max(ago, 0))} ago`);
    const found = ago === undefined ? 'none has ever looked' : `none has looked for ${spoken(ago)}`;
    const fix =
      'Give workers new ActivityGuardPlugin({ receipts, reconcile: true }), or keep activity-guard reconcile --watch running.';
    return (await openIn(facts))?.unresolved
      ? warn(`${found}, and outcomes are unknown`, fix)
      : skipped(`${found}; nothing is unknown`, fix);
  },
} satisfies Record<string, Check<StoreFacts>>;

/** Looks at the database, and at what is open in it. */
export async function checkDatabase(
  receipts: PostgresReceipts,
  where: string,
): Promise<{ checked: readonly Checked[]; standing?: Standing | undefined }> {
  let inspection: Inspection;
  try {
    inspection = await receipts.inspect();
  } catch (error) {
    const said = fail(
      `it cannot be reached at ${where}: ${messageOf(error)}`,
      howToReach((error as { code?: unknown }).code),
    );
    const rest = allSkipped({ ...reachable, ...usable }, 'the database cannot be reached');
    return { checked: rest.map((each) => (each.check === 'database' ? { ...each, ...said } : each)) };
  }
  const first = await run(reachable, { receipts, where, inspection });
  if (first.some(({ verdict }) => verdict === 'fail'))
    return { checked: [...first, ...allSkipped(usable, 'the tables cannot be used')] };
  const standing = receipts.standing(dayMs);
  const facts = { receipts, description: receipts.describe(), standing };
  // A question that fails fails the checks that need its answer, and those alone.
  for (const answer of [facts.description, standing]) answer.catch(() => undefined);
  const checked = [...first, ...(await run(usable, facts))];
  return { checked, standing: await standing.catch(() => undefined) };
}
