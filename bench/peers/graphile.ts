/** Graphile Worker, the queue in Postgres: a job whose key is the id, awaited until it is worked off. */
import type { EventEmitter } from 'node:events';

import { Pool } from 'pg';

import { load, poolSize, type StartPeer } from './peer';

interface GraphileWorker {
  run(options: object): Promise<{
    readonly events: EventEmitter;
    addJob(task: string, payload: object, options: { jobKey: string }): Promise<unknown>;
    stop(): Promise<void>;
  }>;
  readonly Logger: new (factory: () => () => void) => object;
}

export const graphile: StartPeer = async ({ databaseUrl }, effect) => {
  const { Logger, run } = load<GraphileWorker>('graphile-worker');
  const pgPool = new Pool({ connectionString: databaseUrl, max: poolSize });
  const runner = await run({
    ...{ pgPool, concurrency: poolSize, noHandleSignals: true, logger: new Logger(() => () => undefined) },
    taskList: {
      charge: async (_payload: unknown, { job }: { job: { key: string } }) => void (await effect(job.key)),
    },
  });
  const waiting = new Map<string, (error: unknown) => void>();
  runner.events.on('job:complete', ({ job, error }: { job: { key: string }; error: unknown }) =>
    waiting.get(job.key)?.(error),
  );
  return {
    once: async (jobKey) => {
      const done = new Promise((resolve, reject) =>
        waiting.set(jobKey, (error) =>
          error ? reject(new Error('a job failed', { cause: error })) : resolve(undefined),
        ),
      );
      await runner.addJob('charge', {}, { jobKey });
      await done;
      waiting.delete(jobKey);
    },
    stop: async () => {
      await runner.stop();
      await pgPool.end();
    },
  };
};
