/** Several who do something at the same time: each waits until all have come. */
export class Barrier {
  private waiting: (() => void)[] = [];

  constructor(private members: number) {}

  async arrive(): Promise<void> {
    const all = new Promise<void>((go) => this.waiting.push(go));
    this.check();
    return all;
  }

  /** The others need not wait for this one any more. */
  leave(): void {
    this.members--;
    this.check();
  }

  private check(): void {
    if (this.waiting.length >= this.members) for (const go of this.waiting.splice(0)) go();
  }
}
