/** Reads a provider's export, CSV or JSON, entry by entry. Messages name lines and columns, never what stands in them. */
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';

import type * as CsvParse from 'csv-parse';

import { UsageError } from '../usage-error';
import { JsonSplitter, longestEntry, type JsonShape, type JsonText } from './split-json';

/** Where an entry says what. */
export interface Columns {
  /** Those that may hold the request id; the first that is there counts. */
  readonly id: readonly string[];
  readonly status?: string | undefined;
  /** The statuses that mean success. */
  readonly success: ReadonlySet<string>;
  readonly action?: string | undefined;
}

/** One entry of the export. */
export interface ExportedEntry {
  /** The line that it begins in (ends in, for CSV). */
  readonly line: number;
  /** `''` where the provider has none. */
  readonly requestId: string;
  readonly succeeded: boolean;
  readonly status: string | undefined;
  readonly action: string | undefined;
}

const bytesOf = (file: string): AsyncIterable<Uint8Array> =>
  file === '-' ? process.stdin : createReadStream(file);

const fileProblems: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'is a directory; name a file, or - for what comes from a pipe',
  EACCES: 'may not be read',
};

/** The text of a stream of bytes, in pieces; a byte order mark is left out. */
async function* textOf(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decoded = (piece?: Uint8Array): string => {
    try {
      return piece ? decoder.decode(piece, { stream: true }) : decoder.decode();
    } catch {
      throw new UsageError(`${name} is not UTF-8: export or save it as UTF-8 (spreadsheets call it so, too)`);
    }
  };
  try {
    for await (const piece of bytes) {
      const text = decoded(piece);
      if (text !== '') yield text;
    }
    const rest = decoded();
    if (rest !== '') yield rest;
  } catch (error) {
    const problem = fileProblems[(error as NodeJS.ErrnoException).code ?? ''];
    throw problem === undefined ? error : new UsageError(`${name}: ${problem}`);
  }
}

/** Reads on until `isEnough`; what was read is not lost for `rest`. */
async function peek(
  text: AsyncGenerator<string>,
  isEnough: (head: string) => boolean,
): Promise<{ head: string; rest: AsyncGenerator<string>; isAll: boolean }> {
  let head = '';
  let isAll = false;
  while (!isAll && !isEnough(head)) {
    const next = await text.next();
    if (next.done === true) isAll = true;
    else head += next.value;
  }
  const rest = (async function* () {
    if (head !== '') yield head;
    if (!isAll) yield* text;
  })();
  return { head, rest, isAll };
}

/** The separator of the first line: commas unless there are more of another. */
function separatorOf(head: string): string {
  const line = (/^[^\r\n]*/.exec(head)?.[0] ?? '').replace(/"[^"]*"/g, '');
  const count = (separator: string): number => line.split(separator).length;
  return [';', '\t'].reduce((best, other) => (count(other) > count(best) ? other : best), ',');
}

interface CsvProblem {
  readonly code?: string;
  readonly lines?: number;
  readonly record?: readonly unknown[];
}

/** The parser's own messages repeat what stands in the file. */
function csvProblem(error: unknown, name: string): UsageError | undefined {
  const { code, lines = 1, record = [] } = error as CsvProblem;
  if (code?.startsWith('CSV_') !== true && code !== 'INVALID_OPENING_QUOTE') return undefined;
  const said: Readonly<Record<string, string>> = {
    CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: `${record.length} columns, and the header has another number`,
    CSV_QUOTE_NOT_CLOSED: 'a quoted field does not end; the file was perhaps cut off',
    CSV_MAX_RECORD_SIZE: `a row of more than ${longestEntry / 1024} KiB; is there a quote that does not end?`,
  };
  return new UsageError(`${name}, line ${lines}: ${said[code] ?? 'a quote where none can be'}`);
}

const named = (columns: readonly string[]): string => {
  const shown = columns.slice(0, mostColumnsShown).join(', ');
  return columns.length > mostColumnsShown ? `${shown}, …` : shown;
};

const mostColumnsShown = 30;

const noColumn = (where: string, wanted: readonly string[], option: string, there: readonly string[]) =>
  new UsageError(
    `${where}: no column ${wanted.join(' or ')}; name it with ${option} (there are: ${named(there)})`,
  );

/** Finds the columns of a header once; the entries after it are as long as it. */
function csvReader(header: readonly string[], { id, status, action, success }: Columns, name: string) {
  const placeOf = (wanted: readonly string[], option: string): number => {
    const column = wanted.find((each) => header.includes(each));
    if (column === undefined) throw noColumn(`${name}, line 1`, wanted, option, header);
    if (header.indexOf(column) !== header.lastIndexOf(column))
      throw new UsageError(`${name}, line 1: there are two columns ${column}; rename or remove one`);
    return header.indexOf(column);
  };
  const idAt = placeOf(id, '--id-column');
  const statusAt = status === undefined ? undefined : placeOf([status], '--status-column');
  const actionAt = action === undefined ? undefined : placeOf([action], '--action-column');
  return (record: readonly string[], line: number): ExportedEntry => {
    const said = statusAt === undefined ? undefined : (record[statusAt] ?? '');
    return {
      ...{ line, requestId: record[idAt] ?? '', status: said },
      succeeded: said === undefined || success.has(said),
      action: actionAt === undefined ? undefined : (record[actionAt] ?? ''),
    };
  };
}

async function* csvEntries(
  text: AsyncGenerator<string>,
  columns: Columns,
  name: string,
): AsyncGenerator<ExportedEntry> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- nothing else needs it
  const { parse } = require('csv-parse') as typeof CsvParse;
  const { head, rest } = await peek(text, (read) => /[\r\n]/.test(read) || read.length > longestEntry);
  const parser = parse({
    ...{ delimiter: separatorOf(head), record_delimiter: ['\r\n', '\n', '\r'] },
    ...{ info: true, skip_empty_lines: true, max_record_size: longestEntry },
  });
  pipeline(Readable.from(rest), parser, () => undefined); // its failure is the parser's, too
  let read: ReturnType<typeof csvReader> | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      if (read) yield read(record, info.lines);
      else
        read = csvReader(
          record.map((column) => column.trim()),
          columns,
          name,
        );
    }
  } catch (error) {
    throw csvProblem(error, name) ?? error;
  }
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

type JsonObject = Readonly<Record<string, unknown>>;

/** A property by its name, or by the path to it: `metadata.request_id`. */
function valueAt(entry: JsonObject, column: string): unknown {
  if (Object.hasOwn(entry, column)) return entry[column];
  return column
    .split('.')
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as JsonObject)[part]
          : undefined,
      entry,
    );
}

function textAt(entry: JsonObject, column: string, where: string): string | undefined {
  const value = valueAt(entry, column);
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') throw new UsageError(`${where}: ${column} is no text; name what is in it`);
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- objects are out
  return String(value);
}

function parsedEntry({ text, line }: JsonText, name: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    throw new UsageError(`${name}, line ${line}: not valid JSON`); // its message repeats what stands there
  }
}

/** Decides where the entries are by what stands first; a long object that does not end is around a list. */
async function jsonShape(
  text: AsyncGenerator<string>,
  columns: Columns,
  name: string,
): Promise<{ shape: JsonShape; rest: AsyncGenerator<string> }> {
  const splitter = new JsonSplitter('', name);
  const found: JsonText[] = [];
  let seen = 0;
  const { head, rest, isAll } = await peek(text, (read) => {
    if (read.trimStart().startsWith('[')) return true;
    found.push(...splitter.push(read.slice(seen)));
    seen = read.length;
    return found.length > 1 || seen > longestEntry / 2;
  });
  if (head.trimStart().startsWith('[')) return { shape: '[', rest };
  const [first, second] = found;
  if (!first) return { shape: '{[', rest };
  if (second || !isAll) return { shape: '', rest };
  const only = parsedEntry(first, name);
  const isEntry = columns.id.some((column) => valueAt(only, column) !== undefined);
  const isAround = !isEntry && Object.values(only).some(Array.isArray);
  return { shape: isAround ? '{[' : '', rest };
}

async function* jsonObjects(
  text: AsyncGenerator<string>,
  columns: Columns,
  name: string,
): AsyncGenerator<{ entry: JsonObject; line: number }> {
  const { shape, rest } = await jsonShape(text, columns, name);
  const splitter = new JsonSplitter(shape, name);
  for await (const piece of rest)
    for (const found of splitter.push(piece)) yield { entry: parsedEntry(found, name), line: found.line };
  const around = splitter.end() as { has_more?: unknown } | undefined;
  if (around?.has_more === true)
    throw new UsageError(`${name} is one page of several (has_more is true); export all of them`);
}

async function* jsonEntries(
  text: AsyncGenerator<string>,
  { id, status, action, success }: Columns,
  name: string,
): AsyncGenerator<ExportedEntry> {
  let first: { entry: JsonObject; line: number } | undefined;
  let hasIds = false;
  const needed = (entry: JsonObject, column: string | undefined, option: string, where: string) => {
    if (column === undefined) return undefined;
    const value = textAt(entry, column, where);
    if (value === undefined) throw noColumn(where, [column], option, Object.keys(entry));
    return value;
  };
  for await (const { entry, line } of jsonObjects(text, { id, status, action, success }, name)) {
    first ??= { entry, line };
    const where = `${name}, line ${line}`;
    hasIds ||= id.some((column) => valueAt(entry, column) !== undefined);
    const requestId = id.map((column) => textAt(entry, column, where)).find((value) => value !== undefined);
    const said = needed(entry, status, '--status-column', where);
    const of = needed(entry, action, '--action-column', where);
    const succeeded = said === undefined || success.has(said);
    yield { line, requestId: requestId ?? '', succeeded, status: said, action: of };
  }
  // Some entries may have no id; an export in which none has one means another column.
  if (first && !hasIds)
    throw noColumn(`${name}, line ${first.line}`, id, '--id-column', Object.keys(first.entry));
}

/**
 * The entries of an export, in their order; none of it is kept.
 * @param file a path, or `-` for standard input
 * @throws UsageError which line and column is wrong, and what to do
 */
export async function* readExport(
  file: string,
  columns: Columns,
  bytes: AsyncIterable<Uint8Array> = bytesOf(file),
): AsyncGenerator<ExportedEntry> {
  const name = file === '-' ? 'standard input' : file;
  const { head, rest } = await peek(textOf(bytes, name), (read) => read.trim() !== '');
  if (head.trim() === '')
    throw new UsageError(`${name} is empty; even an export without entries has a header`);
  yield* /^\s*[{[]/.test(head) ? jsonEntries(rest, columns, name) : csvEntries(rest, columns, name);
}
