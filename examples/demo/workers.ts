import path from 'node:path';
import { Child } from './child';

const START_TIMEOUT_MS = 30_000;

/** One run's worker processes: as many as asked for, a new one for each that dies. */
export class WorkerPool {
  private readonly workers = new Map<string, Child>();
  private started = 0;
  private closing = false;
  private whenFailed: (error: Error) => void = () => undefined;

  /** Rejects when a worker ends that nobody killed: then the demo can't show anything. */
  readonly failure = new Promise<never>((_resolve, reject) => (this.whenFailed = reject));

  constructor(
    private readonly folder: string,
    private readonly configOf: (name: string) => object,
    private readonly onStart: (worker: Child) => void,
  ) {
    // Nobody may be listening when it happens.
    this.failure.catch(() => undefined);
  }

  async start(count: number): Promise<void> {
    const workers = Array.from({ length: count }, () => this.spawn());
    await Promise.all(workers.map((worker) => worker.ready(START_TIMEOUT_MS)));
  }

  /** Kills some workers and starts as many anew; resolves when the victims are gone. */
  async kill(isVictim: (name: string) => boolean): Promise<Child[]> {
    const victims = [...this.workers.values()].filter(({ name }) => isVictim(name));
    for (const victim of victims) this.workers.delete(victim.name);
    await Promise.all(victims.map((victim) => victim.kill()));
    for (const _victim of victims) this.replace();
    return victims;
  }

  async stop(): Promise<void> {
    this.closing = true;
    const workers = [...this.workers.values()];
    this.workers.clear();
    await Promise.all(workers.map((worker) => worker.stop()));
  }

  private replace(): void {
    if (this.closing) return;
    this.spawn()
      .ready(START_TIMEOUT_MS)
      .catch(() => undefined);
  }

  private spawn(): Child {
    const name = `worker-${++this.started}`;
    const worker = new Child({
      name,
      script: path.join(__dirname, 'worker.js'),
      config: this.configOf(name),
      logFile: path.join(this.folder, `${name}.log`),
    });
    this.workers.set(name, worker);
    void worker.ended.then(() => {
      // Whoever is killed is taken off the list first.
      if (!this.workers.delete(name)) return;
      this.whenFailed(new Error(`${name} ended by itself; see ${this.folder}/${name}.log`));
    });
    this.onStart(worker);
    return worker;
  }
}
