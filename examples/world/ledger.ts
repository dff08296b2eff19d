import { mkdir, open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** An append-only file of JSON lines: what is in it has happened, whoever was told or not. */
export class Ledger<Entry extends object> {
  private constructor(
    private readonly file: FileHandle,
    private readonly stored: Entry[],
  ) {}

  static async open<Entry extends object>(file: string): Promise<Ledger<Entry>> {
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(file, 'a+');
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    return new Ledger(
      handle,
      lines.map((line) => JSON.parse(line) as Entry),
    );
  }

  /** Resolves once the entry is on disk. */
  async append(entry: Entry): Promise<void> {
    await this.file.appendFile(`${JSON.stringify(entry)}\n`);
    await this.file.datasync();
    this.stored.push(entry);
  }

  get entries(): readonly Entry[] {
    return this.stored;
  }
}
