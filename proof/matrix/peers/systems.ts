/** The peers' rows: each set up as its documentation says. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { within } from '../../../src/testing/bounded';
import { freePort } from '../../../src/testing/ports';
import { pythonEnvironment } from '../../../test/support/python-environment';
import type { StartOptions } from '../site';
import type { System } from '../systems';
import { times } from '../terms';
import type { Server, World } from '../world';
import type { PeerProcessConfig } from './peer-process';
import { PeerSite, startLimitMs } from './site';

const noWorkflows = 'it has no workflows that an operator could reset';
/** Beside the sources: what is compiled lies in dist. */
const folder = join(__dirname, '..', '..', '..', '..', 'proof', 'matrix', 'peers');

const start = (file: string, args: string[]): ChildProcess =>
  spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });

/** What runs a peer. */
function commandOf({ requirements }: Kind, config: PeerProcessConfig): [file: string, args: string[]] {
  const given = JSON.stringify(config);
  if (requirements === undefined)
    return [process.execPath, ['--no-deprecation', require.resolve('./peer-process'), given]];
  const found = pythonEnvironment(join(folder, requirements));
  if ('missing' in found) throw new Error(found.missing);
  return [found.python, [join(folder, 'safeagent.py'), given]];
}

/** Until it is ready: those that begin together on an empty database fail, as each creates the tables. So one begins alone. */
async function beginAlone(child: ChildProcess): Promise<void> {
  const ready = async (): Promise<void> => {
    for await (const line of createInterface({ input: child.stdout as Readable }))
      if (line.startsWith('{"to"')) return;
  };
  await within(startLimitMs, 'the first start of a peer', ready()).finally(() => child.kill('SIGKILL'));
}

interface Kind {
  readonly name: string;
  readonly title: string;
  readonly setUp: string;
  readonly store: Server;
  readonly settles: readonly RegExp[];
  readonly keepsFailures?: boolean;
  readonly notApplicable?: Readonly<Record<string, string>>;
  /** The Python that runs it; Node unless given. */
  readonly requirements?: string;
}

function peer(kind: Kind): System {
  const { name, title, setUp, store, settles, keepsFailures = false, notApplicable = {} } = kind;
  const storeUrl = (world: World): string => world.storeUrl(store, name);
  let prepared: Promise<void> | undefined;
  return {
    ...{ name, title, setUp, settles, storeUrl },
    ...{ isOurs: false, mayRepeat: true, underWay: 'effect-done' },
    needs: store,
    ...(kind.requirements !== undefined && { requirements: join(folder, kind.requirements) }),
    notApplicable: { reset: noWorkflows, ...notApplicable },
    site: (world, batch, cell) => {
      const site = `batch_${batch.replaceAll(/\W/g, '_')}`;
      let port: number | undefined;
      const spawnOne = async (options: StartOptions, nth: number): Promise<ChildProcess> => {
        port ??= await freePort();
        const config: PeerProcessConfig = {
          ...{ name, providerUrl: world.provider.url, requestMs: options.requestMs ?? times.requestMs },
          ...{ databaseUrl: options.storeUrl ?? storeUrl(world), leaseMs: times.leaseMs },
          ...(store === 'redis' && { redisUrl: options.storeUrl ?? storeUrl(world) }),
          ...(store === 'restate' && { restate: world.restateUrls, port: nth > 0 ? await freePort() : port }),
          // Processes beside each other have names of their own; the one after a dead one has its name.
          site: store === 'restate' ? site : `${site}_${nth}`,
        };
        const fresh = { ...config, databaseUrl: storeUrl(world) };
        if (store === 'postgres') await (prepared ??= beginAlone(start(...commandOf(kind, fresh))));
        return start(...commandOf(kind, config));
      };
      return new PeerSite(world, { spawn: spawnOne, keepsFailures, store }, cell.name === 'reported');
    },
  };
}

const lease = `a lease of ${times.leaseMs / 1000} s`;
const again = 'the caller calls again with the same id';
const update = [/\bUPDATE\b/, /\bCOMMIT\b/];

export const peerSystems: readonly System[] = [
  peer({
    ...{ name: 'steadykey', title: 'steadykey 3.1.1', store: 'postgres', settles: [/completed/] },
    setUp: `\`execute()\` on Postgres with ${lease}; ${again}`,
  }),
  peer({
    ...{ name: 'safeagent-0.1.13', title: 'safeagent-exec-guard 0.1.13', store: 'postgres', settles: update },
    setUp: `\`execute()\` on Postgres; ${again}; it keeps no result, so that ✓ says only that the caller was told ok, also after an error`,
    requirements: 'requirements-0.1.13.txt',
  }),
  peer({
    ...{ name: 'safeagent-0.1.25', title: 'safeagent-exec-guard 0.1.25', store: 'postgres', settles: update },
    setUp: 'the same',
    requirements: join('..', '..', '..', 'bench', 'peers', 'requirements.txt'),
  }),
  peer({
    ...{ name: 'dbos', title: 'DBOS 5.3.0', store: 'postgres', keepsFailures: true },
    settles: [/INSERT INTO \S*operation_outputs/, /\bCOMMIT\b/i],
    setUp:
      'a workflow of one step, its id the id of the intent; recovery at start; the caller asks again for the workflow',
  }),
  peer({
    ...{ name: 'powertools', title: 'Powertools 2.35.0', store: 'redis', settles: [/COMPLETED/] },
    setUp: `\`makeIdempotent()\` on Redis with \`appendfsync always\`, in a function that may run for ${times.leaseMs / 1000} s; ${again}`,
  }),
  peer({
    ...{ name: 'restate', title: 'Restate 1.7.12', store: 'restate', settles: [] },
    setUp: `a handler of one \`ctx.run\`, called with the id as idempotency key; inactivity and abort time-out of ${times.leaseMs / 1000} s; its server calls again`,
    notApplicable: {
      'settle-sent':
        'its server and the handler share a stream of frames, in which no proxy can tell a settle',
      cut: 'as for "settle sent"',
    },
  }),
];
