/** Shapes of Temporal projects: what is written differently in each of them. */
import { manifest, tsconfig, type Files } from './projects';

const workflow = (activity: string): string => `import { proxyActivities } from '@temporalio/workflow';
import type * as activities from './activities';

const acts = proxyActivities<typeof activities>({ startToCloseTimeout: '10s' });

export async function work(name: string): Promise<string> {
  return acts.${activity}(name);
}
`;

/** A connection of its own, comments, and a \`finally\`. */
export const hello: Files = {
  'package.json': manifest(),
  'tsconfig.json': tsconfig(),
  'src/activities.ts': `export async function greet(name: string): Promise<string> {
  return \`Hello, \${name}!\`;
}
`,
  'src/workflows.ts': workflow('greet'),
  'src/worker.ts': `// The worker
import { NativeConnection, Worker } from '@temporalio/worker';
import * as activities from './activities';

async function run() {
  // First, connect.
  const connection = await NativeConnection.connect({
    address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233',
  });
  try {
    // Then, register what there is.
    const worker = await Worker.create({
      connection,
      namespace: process.env['TEMPORAL_NAMESPACE'] ?? 'default',
      taskQueue: process.env['TASK_QUEUE'] ?? 'hello',
      // They run in a context of their own.
      workflowsPath: require.resolve('./workflows'),
      activities,
    });

    await worker.run();
  } finally {
    await connection.close();
  }
}

run().catch((error) => {
  console.error(error);
  process.exit(1);
});
`,
  // A test of the activity, which must go on working.
  'src/test/activities.test.ts': `import { MockActivityEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { greet } from '../activities';

export const greeting = () => new MockActivityEnvironment().run(greet, 'Ann');
export const create = () => Worker.create({ taskQueue: 'test', activities: { greet } });
`,
};

/** Tabs, CRLF and double quotes; activities in a folder; a package.json on few lines. */
export const folder: Files = {
  'package.json': '{ "name": "shop", "dependencies": { "@temporalio/worker": "~1.24.0" } }',
  'tsconfig.json': tsconfig({ noPropertyAccessFromIndexSignature: true }),
  'src/activities/index.ts': `export { readStock } from "./stock";\r\nexport * from "./orders";\r\n`,
  'src/activities/stock.ts': `import { fetch } from "undici";\r\n\r\nexport async function readStock(url: string) {\r\n\treturn (await fetch(url)).text();\r\n}\r\n`,
  'src/activities/orders.ts': `import { fetch } from "undici";\r\n\r\nexport const logOrder = async (id: string) => console.log(id);\r\n\r\nexport async function placeOrder(id: string) {\r\n\tawait fetch("http://shop/orders", { method: "POST", body: id });\r\n}\r\n`,
  'src/worker.ts': `import { Worker } from "@temporalio/worker"; // of the SDK\r\nimport * as activities from "./activities";\r\n\r\nasync function run() {\r\n\tconst worker = await Worker.create({\r\n\t\tworkflowsPath: require.resolve("./workflows"),\r\n\t\ttaskQueue: "shop",\r\n\t\tactivities // all of them\r\n\t});\r\n\tawait worker.run();\r\n}\r\n\r\nrun().catch(() => process.exit(1));\r\n`,
};

/** ES modules, without semicolons, and everything at the top level. */
export const esModules: Files = {
  'package.json': manifest({ type: 'module', dependencies: { pg: '^8.0.0', '@temporalio/worker': '1.x' } }),
  'tsconfig.json': tsconfig({ module: 'node16', moduleResolution: 'node16', ignoreDeprecations: '6.0' }),
  'src/activities.ts': `import nodemailer from 'nodemailer'

const mailer = nodemailer.createTransport({ host: 'localhost' })

export const sendReceipt = async (to: string): Promise<void> => {
  await mailer.sendMail({ to, subject: 'Your receipt' })
}
`,
  'src/worker.ts': `import { URL, fileURLToPath } from 'node:url'
import { Worker } from '@temporalio/worker'
import * as activities from './activities.js'

const worker = await Worker.create({
  workflowsPath: fileURLToPath(new URL('./workflows.js', import.meta.url)),
  activities,
  taskQueue: 'esm',
})

await worker.run()
`,
};

/** A worker that a framework makes, from classes, with options that are spread and paths that are aliases. */
export const providers: Files = {
  'package.json': manifest(),
  'tsconfig.json': tsconfig({ paths: { '@app/shared': ['./libs/shared/index.ts'] } }),
  'libs/shared/index.ts': `export const taskQueue = 'rates';\n`,
  'apps/worker/rates.service.ts': `export class RatesService {
  private rates: Record<string, number> = {};

  async getRates(): Promise<Record<string, number>> {
    return this.rates;
  }

  async publishRates(): Promise<void> {
    await this.send('PUT');
  }

  private async send(method: string): Promise<void> {
    await fetch('http://localhost/rates', { method, body: JSON.stringify(this.rates) });
  }
}
`,
  'apps/worker/worker.providers.ts': `import { taskQueue } from '@app/shared';
import { Worker } from '@temporalio/worker';
import { RatesService } from './rates.service';

export const workerProviders = [
  {
    provide: 'WORKER',
    inject: [RatesService],
    useFactory: async (service: RatesService) => {
      const activities = {
        getRates: service.getRates.bind(service),
        publishRates: service.publishRates.bind(service),
      };
      const workflowOption =
        process.env['NODE_ENV'] === 'production'
          ? { workflowBundle: { codePath: 'bundle.js' } }
          : { workflowsPath: require.resolve('./workflows') };

      const worker = await Worker.create({ taskQueue, ...workflowOption, activities });
      void worker.run();
      return worker;
    },
  },
];
`,
};

/** Options in a constant, with plugins that are there, and activities whose dependencies are given to them. */
export const options: Files = {
  'package.json': manifest({ devDependencies: undefined }),
  'tsconfig.json': tsconfig(),
  'src/activities.ts': `export interface Payments {
  charge(order: string): Promise<string>;
}

export const createActivities = (payments: Payments) => ({
  async describeOrder(order: string): Promise<string> {
    return order;
  },
  async settle(order: string): Promise<string> {
    return payments.charge(order);
  },
});
`,
  'src/worker.ts': `import { SimplePlugin } from '@temporalio/plugin';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { createActivities } from './activities';

const tracing = new SimplePlugin({ name: 'tracing' });

async function run(): Promise<void> {
  const activities = createActivities({ charge: async (order) => order });
  const receipts: string[] = [];
  const opts: WorkerOptions = {
    taskQueue: 'payments',
    plugins: [
      // traces first
      tracing,
    ],
    workflowsPath: require.resolve('./workflows'),
    activities,
  };
  console.log(receipts);
  const worker = await Worker.create(opts);
  await worker.run();
}

void run();
`,
};

/** Two workers in one statement, by way of the namespace of the SDK; one of them makes no activities of the other's. */
export const two: Files = {
  'package.json': manifest(),
  'tsconfig.json': tsconfig(),
  'src/activities.ts': `export const createNormal = (queue: string) => ({ nameQueue: async () => queue });
export const createOther = () => ({ refundOrder: async (order: string) => order });
`,
  'src/worker.ts': `import * as sdk from '@temporalio/worker';
import { createNormal, createOther } from './activities';

async function run() {
  const plugins = process.env['TRACE'] ? [] : undefined;
  const workers = await Promise.all([
    sdk.Worker.create({ activities: createNormal('one'), taskQueue: 'one', workflowsPath: 'w' }),
    sdk.Worker.create({ activities: createOther(), taskQueue: 'two', ...(plugins ? { plugins } : {}), plugins: plugins ?? [] }),
  ]);
  await Promise.all(workers.map((worker) => worker.run()));
}

run().catch(console.error);
`,
};

/** A bundle of workflows that is made beforehand, and a worker that takes it. */
export const bundled: Files = {
  'package.json': manifest(),
  'tsconfig.json': tsconfig(),
  'src/activities.ts': hello['src/activities.ts'] ?? '',
  'src/scripts/bundle.ts': `import { writeFile } from 'node:fs/promises';
import { bundleWorkflowCode } from '@temporalio/worker';

async function bundle() {
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('../workflows')
  });
  await writeFile('workflow-bundle.js', code);
}

void bundle();
`,
  'src/worker.ts': `import { Worker } from '@temporalio/worker';
import * as activities from './activities';

const workflowOption = () => ({ workflowBundle: { codePath: 'workflow-bundle.js' } });

async function run() {
  const worker = await Worker.create({
    ...workflowOption(),
    activities,
    taskQueue: 'bundled',
  });
  await worker.run();
}

void run();
`,
};

/** JavaScript with \`require\`. */
export const javaScript: Files = {
  'package.json': manifest(),
  'src/activities.js': `exports.bookFlight = async function bookFlight(flight) {\n  return flight;\n};\n`,
  'src/worker.js': `'use strict';
const { Worker } = require('@temporalio/worker');
const activities = require('./activities');

(async () => {
  const worker = await Worker.create({ activities, taskQueue: 'js', workflowsPath: require.resolve('./workflows') });
  await worker.run();
})();
`,
};
