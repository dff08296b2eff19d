import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { createActivities } from '../../activities';
import { HttpClient } from '../../activities/http-client';
import { Mailer } from '../../activities/mailer';
import { modelFromEnvironment } from '../../activities/model';
import { Payments } from '../../activities/payments';
import { TicketDesk } from '../../activities/ticket-desk';
import { announce, endWithParent, tellParent } from '../parent';
import { readConfig } from './child';
import { finishGate } from './finish-gate';
import type { GuardEventMessage } from './guard-watch';
import type { StackAddress } from './stack';
import { unguarded } from './unguarded';
import type { WorldAddress } from './world';

export interface WorkerConfig {
  name: string;
  guarded: boolean;
  stack: StackAddress;
  world: WorldAddress;
  taskQueue: string;
  /** Receipts of different runs never meet. */
  receiptsNamespace: string;
  /** A bundle made beforehand, so that a new worker is up within a second. */
  bundlePath: string;
}

async function main(config: WorkerConfig): Promise<void> {
  Runtime.install({
    logger: new DefaultLogger('WARN'),
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
    shutdownSignals: [],
  });
  const connection = await NativeConnection.connect({ address: config.stack.temporalAddress });
  const dependencies = await connectWorld(config);
  const worker = await Worker.create({
    connection,
    namespace: config.stack.temporalNamespace,
    taskQueue: config.taskQueue,
    workflowBundle: { codePath: config.bundlePath },
    activities: config.guarded ? createActivities(dependencies) : createActivities(dependencies, unguarded),
    plugins: [...(config.guarded ? [guardPlugin(config)] : []), finishGate(config.name)],
    identity: config.name,
    // The workflows of a killed worker go to another one after this time.
    stickyQueueScheduleToStartTimeout: '1s',
    workflowThreadPoolSize: 1,
  });
  endWithParent((reason) => {
    // Nobody is left to work for: what is open is for Temporal to hand to somebody else.
    if (reason === 'orphaned') process.exit();
    worker.shutdown();
    return running;
  });
  const running = worker.run();
  announce({});
  await running;
}

/** Guarding takes these lines. Leases are short because the demo has no time to lose. */
function guardPlugin({ stack, receiptsNamespace }: WorkerConfig): ActivityGuardPlugin {
  const receipts = pgReceipts(
    { connectionString: stack.databaseUrl, max: 4 },
    { namespace: receiptsNamespace },
  );
  return new ActivityGuardPlugin({
    receipts,
    leaseFor: '3s',
    graceFor: '1s',
    waitFor: '10s',
    onEvent: (event) => tellParent({ type: 'guard-event', event } satisfies GuardEventMessage),
  });
}

async function connectWorld({ name, world }: WorkerConfig) {
  const http = (baseUrl: string) => new HttpClient({ baseUrl, userAgent: name });
  return {
    model: await modelFromEnvironment().load(),
    payments: new Payments(http(world.payments.url)),
    tickets: new TicketDesk(http(world.tickets.url)),
    mailer: new Mailer({
      host: '127.0.0.1',
      port: world.mail.smtpPort,
      clientName: name,
      events: http(world.mail.url),
    }),
  };
}

main(readConfig<WorkerConfig>()).then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
