import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { BundlerPlugin } from '@temporalio/worker';

/** Bundles the workflows once, so that each new worker starts within a second. */
export async function bundleWorkflows(
  folder: string,
  name: string,
  plugins: BundlerPlugin[],
): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('../../workflows'),
    plugins,
    logger: new DefaultLogger('ERROR'),
  });
  const file = path.join(folder, `workflows-${name}.js`);
  await writeFile(file, code);
  return file;
}
