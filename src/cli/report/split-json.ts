/** Takes JSON apart into its entries while it is read, so that a long list never is in memory as a whole. */
import { UsageError } from '../usage-error';

/** One entry as text, and the line that it begins in. */
export interface JsonText {
  readonly text: string;
  readonly line: number;
}

/** An entry, and what decides between a list and lines, is not longer. */
export const longestEntry = 1 << 20;

/**
 * Where the entries are: one after the other, in an array, or in the array that is a property of an object. Given as
 * the brackets around an entry.
 */
export type JsonShape = '' | '[' | '{[';

const isSpace = (char: string): boolean => char === ' ' || char === '\n' || char === '\r' || char === '\t';

/**
 * Splits text that comes in pieces. It counts brackets and strings only: each entry, and what is around the entries,
 * goes through `JSON.parse` afterwards.
 */
export class JsonSplitter {
  /** The document without its entries. */
  private around = '';
  private open = '';
  private lists = 0;
  private line = 1;
  private inString = false;
  private isEscaped = false;
  /** Two entries need a comma between them, and a comma another entry. */
  private comma: 'before' | 'seen' | 'none' = 'none';
  private isInEntry = false;
  private entry = '';
  private entryLine = 0;

  constructor(
    private readonly shape: JsonShape,
    private readonly name: string,
  ) {}

  /** The entries that end in this piece. */
  push(piece: string): JsonText[] {
    const found: JsonText[] = [];
    let from = this.isInEntry ? 0 : -1;
    for (let at = from < 0 ? 0 : this.next(piece, 0); at < piece.length; ) {
      const char = piece[at] as string;
      const wasInside = this.open.length > this.shape.length;
      const isBetween = this.open === this.shape && !this.inString;
      if (isBetween) this.checkBetween(char);
      this.step(char);
      const isInside = this.open.length > this.shape.length;
      if (isInside && !wasInside && this.open.startsWith(this.shape)) {
        from = at;
        this.isInEntry = true;
        this.entryLine = this.line;
      } else if (this.isInEntry && !isInside) {
        found.push({ text: this.entry + piece.slice(from, at + 1), line: this.entryLine });
        this.entry = '';
        this.isInEntry = false;
        this.comma = 'before';
        from = -1;
      } else if (!this.isInEntry && !(isBetween && this.open === this.shape)) this.around += char;
      at = this.isInEntry ? this.next(piece, at + 1) : at + 1;
    }
    if (this.isInEntry) this.entry += piece.slice(from);
    if (this.entry.length > longestEntry || this.around.length > longestEntry)
      throw this.problem(`more than ${longestEntry / 1024} KiB that are no list`, this.entryLine || 1);
    return found;
  }

  /** The next character that counts inside of an entry. */
  private next(piece: string, at: number): number {
    if (this.isEscaped) return at;
    const counts = this.inString ? /["\\\n]/g : /["{}[\]\n]/g;
    counts.lastIndex = at;
    return counts.exec(piece)?.index ?? piece.length;
  }

  /** What is around the entries, once all has been read; lists are empty in it. */
  end(): unknown {
    if (this.open !== '' || this.inString)
      throw this.problem('ends in the middle; it was perhaps cut off', this.line);
    if (this.shape === '') return undefined;
    try {
      return JSON.parse(this.around);
    } catch {
      throw this.problem('what is around the list is not valid JSON', this.line);
    }
  }

  private step(char: string): void {
    if (char === '\n') this.line++;
    if (this.inString) {
      if (this.isEscaped) this.isEscaped = false;
      else if (char === '\\') this.isEscaped = true;
      else if (char === '"') this.inString = false;
      return;
    }
    if (char === '"') this.inString = true;
    else if (char === '{' || char === '[') {
      this.open += char;
      if (this.open === '{[' && this.shape === '{[' && ++this.lists > 1)
        throw this.problem('the object has more than one list', this.line);
    } else if (char === '}' || char === ']') {
      if (this.open.at(-1) !== (char === '}' ? '{' : '['))
        throw this.problem(`'${char}' closes nothing`, this.line);
      this.open = this.open.slice(0, -1);
    }
  }

  /** Between the entries of a list there are commas, and only they. */
  private checkBetween(char: string): void {
    if (isSpace(char)) return;
    if (this.shape === '') {
      if (char !== '{') throw this.problem('not an object', this.line);
    } else if (char === ',' && this.comma === 'before') this.comma = 'seen';
    else if (char === ']' && this.comma !== 'seen') this.comma = 'none';
    else if (char !== '{' || this.comma === 'before') throw this.problem('not a list of objects', this.line);
  }

  private problem(what: string, line: number): UsageError {
    return new UsageError(`${this.name}, line ${line}: ${what}`);
  }
}
