/** The workflows' bundles, with the guard's interceptors and without, and the workers that have them. */
import {
  DefaultLogger,
  Runtime,
  bundleWorkflowCode,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';

import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';

export const kinds = ['bare', 'guarded'] as const;
export type Kind = (typeof kinds)[number];

/** Beside the two: bare, with the base's two commits in the activity. */
export const workerKinds = ['bare', 'by-hand', 'guarded'] as const;
export type WorkerKind = (typeof workerKinds)[number];

export const bundleOf = (kind: WorkerKind): Kind => (kind === 'guarded' ? kind : 'bare');

let installed = false;

/** The SDK's native part can be told once what it may say. */
export function quietRuntime(): void {
  if (!installed) Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
}

/** Made beforehand, so that a worker's start is not webpack's. */
export async function makeBundles(): Promise<Record<Kind, WorkflowBundleWithSourceMap>> {
  const workflowsPath = require.resolve('./workflows');
  const logger = new DefaultLogger('ERROR');
  // The plugin is asked for its interceptors only: these receipts never connect.
  const plugins = [new ActivityGuardPlugin({ receipts: pgReceipts({ max: 1 }) })];
  return {
    bare: await bundleWorkflowCode({ workflowsPath, logger }),
    guarded: await bundleWorkflowCode({ workflowsPath, logger, plugins }),
  };
}
