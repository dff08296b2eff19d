/** The servers that all trials share, and that some trials kill. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection } from '@temporalio/worker';
import { Pool } from 'pg';

import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { within } from '../../src/testing/bounded';
import { createDatabase } from '../../src/testing/database';
import { freePort } from '../../src/testing/ports';
import { pythonEnvironment } from '../../test/support/python-environment';
import { startReaper } from '../../src/testing/reaper';
import { resolveTemporalCli } from '../../src/testing/temporal-binary';
import { startOn, type DevServer } from '../../src/testing/temporal-server';
import { OwnPostgres } from '../../test/support/own-postgres';
import { quiet, quietRuntime } from '../../test/support/quiet';
import type { PeerConfig } from '../../bench/peers/peer';
import { installPackages, startRedis, startRestate, type OwnServer } from '../../bench/peers/servers';
import { Provider } from './provider';
import type { System } from './systems';
import type { WorkflowConfig } from './temporal/workflow-process';

const startLimitMs = 30_000;
export const namespace = 'default';
/** Workflows without the guard have nothing of it: not even its interceptors. */
export const queues = { guarded: 'workflows-guarded', plain: 'workflows-plain' } as const;

/** A Temporal server whose data outlives it. */
class OwnTemporal {
  private child: ChildProcess | undefined;
  client!: Client;
  connection!: NativeConnection;

  private constructor(
    readonly address: string,
    private readonly port: number,
    private readonly server: DevServer,
  ) {}

  static async start(server: DevServer): Promise<OwnTemporal> {
    const port = await freePort();
    const temporal = new OwnTemporal(`127.0.0.1:${port}`, port, server);
    await temporal.start();
    return temporal;
  }

  async start(): Promise<void> {
    this.child = await startOn(this.port, undefined, this.server);
    const { address } = this;
    this.connection = await NativeConnection.connect({ address });
    this.client = new Client({ connection: await Connection.connect({ address }), namespace });
  }

  async kill(): Promise<void> {
    if (!this.child) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }
}

/** What may be killed. */
export type Server = 'postgres' | 'temporal' | 'workflows' | 'redis' | 'restate';

export class World {
  private readonly states = new Map<Server, { readonly isUp: boolean; readonly work: Promise<void> }>();
  private readonly reaper = startReaper();
  readonly folder = this.reaper.makeFolder('activity-guard-proof-');
  provider!: Provider;
  postgres!: OwnPostgres;
  temporal!: OwnTemporal;
  receipts!: ReturnType<typeof pgReceipts>;
  /** For looking into the database from outside. */
  pool!: Pool;
  private workflows: ChildProcess | undefined;
  private redis: Awaited<ReturnType<typeof startRedis>> | undefined;
  private restate: Awaited<ReturnType<typeof startRestate>> | undefined;
  /** Of the systems that have a database of their own. */
  private readonly databases = new Map<string, string>();

  /** @param systems whose servers, packages and databases are to be there */
  static async start(systems: readonly Pick<System, 'name' | 'needs' | 'requirements'>[]): Promise<World> {
    const world = new World();
    try {
      await world.startAll();
      await world.startPeers(systems);
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  private async startAll(): Promise<void> {
    quietRuntime();
    this.provider = await Provider.start(this.folder);
    this.postgres = await OwnPostgres.start(['max_connections=400']);
    const connectionString = this.postgres.url;
    this.pool = new Pool({ connectionString, max: 4, connectionTimeoutMillis: 10_000 });
    this.pool.on('error', () => undefined);
    await this.pool.query('create table bookings (id bigint generated always as identity, intent text)');
    this.receipts = pgReceipts({ connectionString, max: 8 });
    await this.receipts.migrate();
    const { reaper, folder } = this;
    const program = await resolveTemporalCli({});
    const dataFile = join(folder, 'temporal.db');
    this.temporal = await OwnTemporal.start({ program, folder, reaper, log: undefined, dataFile });
    await this.bundle();
    await this.startWorkflows();
  }

  private async startPeers(
    systems: readonly Pick<System, 'name' | 'needs' | 'requirements'>[],
  ): Promise<void> {
    const peers = systems.filter(({ needs }) => needs !== undefined);
    if (peers.some(({ requirements }) => requirements === undefined)) await installPackages(this.reaper);
    for (const { requirements } of peers) {
      const found = requirements === undefined ? undefined : pythonEnvironment(requirements);
      if (found && 'missing' in found) throw new Error(found.missing);
    }
    for (const { name, needs } of peers) {
      if (needs === 'redis') this.redis ??= await startRedis(this.reaper);
      if (needs === 'restate') this.restate ??= await startRestate(this.reaper);
      if (needs === 'postgres') this.databases.set(name, (await createDatabase(this.postgres.url)).url);
    }
  }

  /** Where a system keeps what it knows. */
  storeUrl(store: Server, system: string): string {
    if (store === 'redis') return this.redis?.url ?? '';
    if (store === 'restate') return this.restate?.urls.ingress ?? '';
    return this.databases.get(system) ?? this.postgres.url;
  }

  get restateUrls(): NonNullable<PeerConfig['restate']> {
    if (!this.restate) throw new Error('there is no Restate server');
    return this.restate.urls;
  }

  private bundlePath(queue: string): string {
    return join(this.folder, `${queue}.js`);
  }

  private async bundle(): Promise<void> {
    const workflowsPath = require.resolve('./temporal/workflows');
    const plugins = [new ActivityGuardPlugin({ receipts: this.receipts })];
    for (const [queue, more] of [[queues.guarded, { plugins }] as const, [queues.plain, {}] as const]) {
      const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet, ...more });
      writeFileSync(this.bundlePath(queue), code);
    }
  }

  async startWorkflows(): Promise<void> {
    const bundles = Object.fromEntries(Object.values(queues).map((queue) => [queue, this.bundlePath(queue)]));
    const config: WorkflowConfig = { address: this.temporal.address, namespace, bundles };
    const child = fork(require.resolve('./temporal/workflow-process'), [JSON.stringify(config)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.workflows = child;
    await within(startLimitMs, 'the start of the workflows', once(child, 'message'));
  }

  async killWorkflows(): Promise<void> {
    if (!this.workflows) return;
    const exited = once(this.workflows, 'exit');
    this.workflows.kill('SIGKILL');
    await exited;
  }

  /** Kills a server, however many ask for that. */
  crash(server: Server): Promise<void> {
    return this.bring(server, false, () => {
      if (server === 'postgres') return this.postgres.stop('SIGQUIT');
      if (server === 'workflows') return this.killWorkflows();
      return this.killable(server).kill();
    });
  }

  /** Starts it again. */
  restore(server: Server): Promise<void> {
    return this.bring(server, true, () => {
      if (server === 'postgres') return this.postgres.start();
      return server === 'workflows' ? this.startWorkflows() : this.killable(server).start();
    });
  }

  private killable(server: 'temporal' | 'redis' | 'restate'): Pick<OwnServer, 'start' | 'kill'> {
    const found = server === 'temporal' ? this.temporal : this[server]?.server;
    if (!found) throw new Error(`there is no ${server}`);
    return found;
  }

  private bring(server: Server, isUp: boolean, act: () => Promise<void>): Promise<void> {
    const state = this.states.get(server) ?? { isUp: true, work: Promise.resolve() };
    if (state.isUp === isUp) return state.work;
    const work = act();
    this.states.set(server, { isUp, work });
    return work;
  }

  async stop(): Promise<void> {
    await this.killWorkflows();
    await this.receipts?.close().catch(() => undefined);
    await this.pool?.end().catch(() => undefined);
    await this.temporal?.connection.close().catch(() => undefined);
    this.provider?.stop();
    await this.postgres?.dispose();
    await this.reaper.finish();
  }
}
