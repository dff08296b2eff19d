/** One read for all who ask for the same at the same time. */

/** Ends its read when nobody waits for it any more. */
export class SharedRead<T> {
  private readonly nobody = new AbortController();
  private readonly answer: Promise<T>;
  private waiting = 0;
  private state: 'reading' | 'done' | 'of no use' = 'reading';

  constructor(read: (signal: AbortSignal) => Promise<T>) {
    this.answer = read(this.nobody.signal);
    this.answer.then(
      () => (this.state = 'done'),
      () => (this.state = 'of no use'), // whoever waits hears why
    );
  }

  /** Waits for the answer; rejects with the signal's reason once that is aborted. */
  async wait(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    this.waiting++;
    let leave = (): void => undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason as Error);
      signal.addEventListener('abort', leave);
    });
    try {
      return await Promise.race([this.answer, left]);
    } finally {
      signal.removeEventListener('abort', leave);
      if (--this.waiting === 0 && this.state === 'reading') {
        this.state = 'of no use';
        this.nobody.abort();
      }
    }
  }

  /** It failed, or was ended: whoever asks now needs another. */
  get isOfNoUse(): boolean {
    return this.state === 'of no use';
  }
}
