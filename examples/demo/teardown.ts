/** What must be undone however the demo ends; undone once, last in first out. */
export class Teardown {
  private readonly steps: (() => Promise<unknown>)[] = [];
  /** The user wants out: no result, and no logs to keep. */
  interrupted = false;
  private running: Promise<void> | undefined;

  get begun(): boolean {
    return this.running !== undefined;
  }

  /** Registers a step. Once the end has begun there is nothing to start any more. */
  add(step: () => Promise<unknown>): void {
    if (this.begun) {
      void step();
      throw new Error('the demo is being stopped');
    }
    this.steps.push(step);
  }

  run(): Promise<void> {
    this.running ??= this.unwind();
    return this.running;
  }

  private async unwind(): Promise<void> {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      // One that fails must not keep the others from being undone.
      await step().catch((error: unknown) => console.error('while stopping:', error));
    }
  }
}
