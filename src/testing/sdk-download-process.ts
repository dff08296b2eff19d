/**
 * Makes the Temporal SDK download one of its servers into a folder: see `downloadWithSdk`.
 * Arguments: `local` or `time-skipping`, and the folder.
 */
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { messageOf } from './error';
import { requirePackage } from './optional-package';

async function main(kind: string | undefined, downloadDir: string): Promise<void> {
  const testing = requirePackage<{ TestWorkflowEnvironment: typeof TestWorkflowEnvironment }>(
    '@temporalio/testing',
    'to download a Temporal server',
  );
  const server = { executable: { type: 'cached-download', downloadDir } } as const;
  const environment =
    kind === 'local'
      ? await testing.TestWorkflowEnvironment.createLocal({ server })
      : await testing.TestWorkflowEnvironment.createTimeSkipping({ server });
  await environment.teardown();
}

main(process.argv[2], process.argv[3] ?? '.').then(
  // The SDK's runtime would keep the process alive.
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  },
);
