import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readExport, type Columns, type ExportedEntry } from '../../src/cli/report/read-export';
import { UsageError } from '../../src/cli/usage-error';

const ids = ['request_id', 'requestId', 'idempotency_key'];
const plain: Columns = { id: ids, success: new Set() };
const withStatus: Columns = { id: ids, status: 'status', success: new Set(['paid', 'true']) };

/** In pieces of so many bytes: what lies across their borders counts as well. */
async function* bytesOf(content: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  content: string | Uint8Array,
  columns: Columns = plain,
  size?: number,
): Promise<ExportedEntry[]> {
  const found: ExportedEntry[] = [];
  for await (const entry of readExport('charges.csv', columns, bytesOf(content, size))) found.push(entry);
  return found;
}

const idsOf = async (content: string | Uint8Array, columns?: Columns, size?: number): Promise<string[]> =>
  (await read(content, columns, size)).map(({ requestId }) => requestId);

async function problemOf(content: string | Uint8Array, columns?: Columns, size?: number): Promise<string> {
  try {
    await read(content, columns, size);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    const { message } = error as Error;
    expect(message).not.toContain('SECRET');
    return message;
  }
  throw new Error('it was read');
}

describe('an export as CSV', () => {
  it('is read with its lines and statuses', async () => {
    expect(await read('request_id,status\na,paid\nb,failed\n', withStatus)).toEqual([
      { line: 2, requestId: 'a', succeeded: true, status: 'paid', action: undefined },
      { line: 3, requestId: 'b', succeeded: false, status: 'failed', action: undefined },
    ]);
    expect((await read('request_id\na')).map((entry) => entry.succeeded)).toEqual([true]);
  });

  it.each([
    ['a byte order mark', '\uFEFFrequest_id,n\na,1\n'],
    ['CRLF', 'request_id,n\r\na,1\r\n'],
    ['a mix of line ends', 'n,request_id\n1,a\r\n'],
    ['CR', 'request_id,n\ra,1\r'],
    ['no line end', 'request_id,n\na,1'],
    ['empty lines', 'request_id,n\n\na,1\n\n'],
    ['semicolons', 'request_id;n\na;1,5\n'],
    ['tabs', 'n\trequest_id\n1\ta\n'],
    ['quoted fields', '"request_id","n, m"\n"a","1,\n""2"""\n'],
    ['spaces around the names', ' request_id , n\na,1\n'],
    ['another usual name', 'n,idempotency_key\n1,a\n'],
  ])('may have %s', async (_, content) => {
    for (const size of [1, 7, 1000]) expect(await idsOf(content, plain, size)).toEqual(['a']);
  });

  it('keeps ids as they are, also empty ones', async () => {
    const content = 'n,request_id\n1,"in,voice ""1"""\n2,\n3, spaced \n4,Ünïcode\n';
    expect(await idsOf(content)).toEqual(['in,voice "1"', '', ' spaced ', 'Ünïcode']);
  });

  it('may have no entries', async () => {
    expect(await read('request_id,status\n', withStatus)).toEqual([]);
  });

  it('has the column that is asked for, with its action', async () => {
    const columns = { id: ['metadata.request_id'], action: 'kind', success: new Set<string>() };
    expect(await read('request_id,metadata.request_id,kind\nx,a,charge\n', columns)).toEqual([
      expect.objectContaining({ requestId: 'a', action: 'charge' }),
    ]);
  });

  it.each<[string, string | Uint8Array, RegExp, Columns?]>([
    ['an empty file', '', /charges\.csv is empty; even/],
    ['a file of spaces', ' \n\n', /is empty/],
    ['no id column', 'id,n\na,1\n', /line 1: no column request_id or .*--id-column \(there are: id, n\)/],
    ['no id column and no entry', 'id\n', /line 1: no column request_id/],
    [
      'no status column',
      'request_id\na\n',
      /no column status; name it with --status-column \(there are: request_id\)/,
      withStatus,
    ],
    [
      'a header that is there twice',
      'request_id,n,request_id\na,1,b\n',
      /line 1: there are two columns request_id/,
    ],
    [
      'a row that is short',
      'request_id,n\na,1\nSECRET\n',
      /line 3: 1 columns, and the header has another number/,
    ],
    ['a row that is long', 'request_id,n\na,1,SECRET\n', /line 2: 3 columns, and/],
    ['a quote that does not end', 'request_id,n\na,"SECRET\nb,1\n', /a quoted field does not end; .*cut off/],
    ['a quote within a field', 'request_id,n\na,SEC"RET"\n', /line 2: a quote where none can be/],
    ['a quote before a field ends', 'request_id,n\na,"x"SECRET\n', /line 2: a quote where none can be/],
    ['another encoding', Buffer.from('request_id\nM\xfcller\n', 'latin1'), /is not UTF-8: export/],
    ['half a character', Buffer.from('request_id\nü', 'utf8').subarray(0, -1), /is not UTF-8/],
    ['UTF-16', Buffer.from('\uFEFFrequest_id\n', 'utf16le'), /is not UTF-8/],
  ])('is refused with %s', async (_, content, message, ...[columns]) => {
    expect(await problemOf(content, columns)).toMatch(message);
  });

  it('is refused with a row that has no end, before it fills the memory', async () => {
    const endless = `request_id,n\na,"${'SECRET\n'.repeat(200_000)}`;
    expect(await problemOf(endless, plain, 65_536)).toMatch(/a row of more than 1024 KiB; is there a quote/);
  });

  it('may have a second column of a name that is not used', async () => {
    expect(await idsOf('n,request_id,n\n1,a,2\n')).toEqual(['a']);
  });
});

describe('an export as JSON', () => {
  it.each([
    ['an array', '[{"request_id":"a"},{"request_id":"b"}]'],
    ['an array over lines', '\uFEFF \n[\n  {"request_id": "a"},\n  {"request_id": "b"}\n]\n'],
    ['lines', '{"request_id":"a"}\n{"request_id":"b"}\n'],
    ['lines with CRLF and without an end', '{"request_id":"a"}\r\n{"request_id":"b"}'],
    ['objects over lines', '{\n"request_id":"a"\n}\n{\n"request_id":"b"\n}\n'],
    ['lines with lists in them', '{"request_id":"a","n":[1]}\n{"request_id":"b","n":[{}]}\n'],
    [
      'a list within an object',
      '{"object":"list","data":[{"request_id":"a"},{"request_id":"b"}],"has_more":false}',
    ],
    [
      'it, over lines',
      '{\n "meta": {"n": [[1]]},\n "data": [\n{"request_id":"a"} ,\n{"request_id":"b"}\n]\n}\n',
    ],
    [
      'brackets and quotes in texts',
      '[{"n":"]}\\"{[\\\\","m":"\\n","request_id":"a"},{"{":"\\\\","request_id":"b"}]',
    ],
  ])('may be %s', async (_, content) => {
    for (const size of [1, 2, 7, 1000]) expect(await idsOf(content, plain, size)).toEqual(['a', 'b']);
  });

  it('may be long in every form', async () => {
    const all = Array.from({ length: 40_000 }, (_, i) => ({ request_id: `order:${i}`, text: '{"x":[1' }));
    const texts = all.map((entry) => JSON.stringify(entry));
    const expected = all.map((entry) => entry.request_id);
    expect(JSON.stringify(all).length).toBeGreaterThan(1 << 20);
    for (const content of [
      `[${texts.join(',')}]`,
      texts.join('\n'),
      `{"object":"list","data":[${texts.join(',')}]}`,
      JSON.stringify({ list: all, next: null }, null, 2),
    ])
      expect(await idsOf(content, plain, 65_536)).toEqual(expected);
  });

  it('may be one object or no entry', async () => {
    expect(await idsOf('{"request_id":"a"}')).toEqual(['a']);
    expect(await idsOf('{"request_id":"a","refunds":[{"request_id":"b"}]}')).toEqual(['a']);
    expect(await idsOf('[]')).toEqual([]);
    expect(await idsOf('{"data":[]}')).toEqual([]);
  });

  it('finds what is nested, and takes a name with dots before a path', async () => {
    const nested = { id: ['metadata.request_id'], status: 'paid', success: new Set(['true']) };
    const content = JSON.stringify([
      { metadata: { request_id: 'a' }, paid: true },
      { 'metadata.request_id': 'b', metadata: { request_id: 'x' }, paid: false },
      { metadata: {}, paid: true },
      { metadata: null, paid: 1 },
      { metadata: { request_id: 7 }, paid: 'true' },
    ]);
    expect(await read(content, nested)).toEqual([
      { line: 1, requestId: 'a', succeeded: true, status: 'true', action: undefined },
      { line: 1, requestId: 'b', succeeded: false, status: 'false', action: undefined },
      { line: 1, requestId: '', succeeded: true, status: 'true', action: undefined },
      { line: 1, requestId: '', succeeded: false, status: '1', action: undefined },
      { line: 1, requestId: '7', succeeded: true, status: 'true', action: undefined },
    ]);
  });

  it('tells the line that an entry begins in', async () => {
    const content = '[\n{"request_id":"a"},\n\n{\n"request_id":\n"b"},{"request_id":"c"}]';
    expect((await read(content)).map(({ line }) => line)).toEqual([2, 4, 6]);
  });

  it.each<[string, string, RegExp, Columns?]>([
    ['an array that was cut off', '[{"request_id":"a"},\n{"request_id":"SEC', /line 2: ends in the middle/],
    ['a cut between entries', '[{"request_id":"a"},', /ends in the middle/],
    ['a line that was cut off', '{"request_id":"a"}\n{"request_id":', /ends in the middle/],
    ['an object that was cut off', '{"data":[{"request_id":"a"}]', /ends in the middle/],
    ['an entry that is wrong', '[{"request_id":"a"},\n{"request_id":SECRET}]', /line 2: not valid JSON/],
    ['a line that is wrong', '{"request_id":"a"}\n{"request_id":"b",SECRET}', /line 2: not valid JSON/],
    ['a line that is none', '{"request_id":"a"}\nSECRET', /line 2: not an object/],
    ['no comma', '[{"request_id":"a"}\n{"request_id":"b"}]', /line 2: not a list of objects/],
    ['two commas', '[{"request_id":"a"},,{"request_id":"b"}]', /not a list of objects/],
    ['a comma at the end', '[{"request_id":"a"},]', /not a list of objects/],
    ['texts for entries', '["SECRET"]', /line 1: not a list of objects/],
    ['more after the list', '[{"request_id":"a"}]SECRET', /not valid JSON/],
    ['a bracket too many', '{"request_id":"a"}}', /line 1: not an object/],
    ['the wrong bracket', '[{"request_id":"a"]', /line 1: '\]' closes nothing/],
    ['two lists', '{"a":[{"request_id":"a"}],\n"b":[]}', /line 2: the object has more than one list/],
    ['something wrong around the list', '{"a":[{"request_id":"a"}],SECRET}', /not valid JSON/],
    ['one page of several', '{"data":[{"request_id":"a"}],"has_more":true}', /one page of several/],
    [
      'no id anywhere',
      '[{"id":"SECRET","n":1},{}]',
      /line 1: no column request_id or .*\(there are: id, n\)/,
    ],
    [
      'no status',
      '[{"request_id":"a","status":"paid"},\n{"request_id":"b"}]',
      /line 2: no column status/,
      withStatus,
    ],
    ['an object for an id', '[{"request_id":{"a":"SECRET"}}]', /line 1: request_id is no text/],
  ])('is refused with %s', async (_, content, message, ...[columns]) => {
    for (const size of [1, 1000]) expect(await problemOf(content, columns, size)).toMatch(message);
  });

  it('is refused with an entry that has no end, before it fills the memory', async () => {
    const endless = `[{"request_id":"${'SECRET'.repeat(400_000)}`;
    expect(await problemOf(endless, plain, 65_536)).toMatch(/more than 1024 KiB/);
  });
});

describe('the file of an export', () => {
  it('is told by its name when it cannot be read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'report-'));
    const file = join(folder, 'charges.csv');
    const readFile = async (name: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const { requestId } of readExport(name, plain)) found.push(requestId);
      return found;
    };
    try {
      await expect(readFile(file)).rejects.toThrow(new UsageError(`${file}: there is no such file`));
      await expect(readFile(folder)).rejects.toThrow(/is a directory/);
      writeFileSync(file, 'request_id\na\n');
      expect(await readFile(file)).toEqual(['a']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
