/** The provider's process, as the run sees it. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { within } from '../../src/testing/bounded';
import type { Plan, Status } from './terms';

const startLimitMs = 15_000;
const lookEveryMs = 80;

export class Provider {
  private constructor(
    private readonly process: ChildProcess,
    private readonly ledger: string,
    readonly url: string,
  ) {}

  static async start(folder: string): Promise<Provider> {
    const ledger = join(folder, 'effects.jsonl');
    writeFileSync(ledger, '');
    const child = fork(require.resolve('./provider-process'), [ledger], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [port] = (await within(startLimitMs, 'the start of the provider', once(child, 'message'))) as [
      number,
    ];
    return new Provider(child, ledger, `http://127.0.0.1:${port}`);
  }

  async plan(plans: Readonly<Record<string, Plan>>): Promise<void> {
    await this.post('plan', plans);
  }

  /** Lets what is held of an intent go on; after the latest time, in ms of the epoch, it is dropped. */
  async go(intent: string, latest: number): Promise<{ readonly dropped: boolean }> {
    const query = new URLSearchParams({ intent, latest: String(latest) }).toString();
    return (await this.post(`go?${query}`, null)) as { dropped: boolean };
  }

  async status(intents: readonly string[]): Promise<Readonly<Record<string, Status>>> {
    return (await this.post('status', intents)) as Record<string, Status>;
  }

  /** Waits until all are so, for so long at most. */
  async until(intents: readonly string[], limitMs: number, isSo: (status: Status) => boolean): Promise<void> {
    const end = performance.now() + limitMs;
    while (performance.now() < end) {
      if (Object.values(await this.status(intents)).every(isSo)) return;
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  /** All effects there ever were, by intent, as the file has them. */
  written(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const line of readFileSync(this.ledger, 'utf8').split('\n').filter(Boolean)) {
      const { intent } = JSON.parse(line) as { intent: string };
      counts.set(intent, (counts.get(intent) ?? 0) + 1);
    }
    return counts;
  }

  stop(): void {
    this.process.kill('SIGKILL');
  }

  private async post(path: string, body: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`the provider answered ${response.status}: ${await response.text()}`);
    return response.json();
  }
}
