/** How far long work is, on stderr: only where somebody watches. */
import type * as CliProgress from 'cli-progress';

import type { Stream } from './terminal';

/** Told how much is done. */
export interface Progress {
  readonly add: (count: number) => void;
  readonly end: () => void;
}

const none: Progress = { add: () => undefined, end: () => undefined };

/**
 * @param what is done, such as `receipts exported`
 * @param total asked for where it is shown; without one there is a count alone
 */
export async function progress(
  what: string,
  total: () => Promise<number | undefined> = async () => undefined,
  stream: Stream = process.stderr,
): Promise<Progress> {
  if (stream.isTTY !== true) return none;
  const most = await total();
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- only where somebody watches
  const { SingleBar } = require('cli-progress') as typeof CliProgress;
  const bar = new SingleBar({
    // The terminal stays as it is, whatever ends this process meanwhile.
    ...{ stream: stream as NodeJS.WriteStream, clearOnComplete: true, hideCursor: false, linewrap: true },
    ...{ barCompleteChar: '█', barIncompleteChar: '░', barsize: 20, etaBuffer: 100 },
    format: most === undefined ? `{value} ${what}` : `{bar} {value} of {total} ${what}, {eta_formatted} left`,
  });
  let [done, all] = [0, most ?? 0];
  bar.start(all, done);
  return {
    add: (count) => {
      done += count;
      // What comes meanwhile is done as well.
      if (most !== undefined && done > all) bar.setTotal((all = done));
      bar.update(done);
    },
    end: () => bar.stop(),
  };
}
