/** Tells what goes on, line by line; on a terminal also with a bar below the lines. */
export class Progress {
  private readonly startedAt = performance.now();
  private bar = '';

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1_000;
  }

  line(text: string): void {
    const time = `${this.seconds.toFixed(1)} s`.padStart(8);
    this.write(`${time}  ${text}\n`);
  }

  /** Only where somebody looks on: a bar in a log file is noise. */
  orders(done: number, total: number): void {
    if (!this.stream.isTTY) return;
    const width = 30;
    const filled = Math.round((width * done) / Math.max(total, 1));
    const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
    this.bar = done === total ? '' : `          ${bar} ${done} of ${total} orders`;
    this.write('');
  }

  private write(text: string): void {
    this.stream.write(this.stream.isTTY ? `\r\x1b[K${text}${this.bar}` : text);
  }
}
