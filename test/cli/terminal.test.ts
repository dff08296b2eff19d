/** What a terminal gets, and what a pipe gets. */
import { PassThrough } from 'node:stream';

import fc from 'fast-check';

import { tableOf } from '../../src/cli/list';
import { progress } from '../../src/cli/progress';
import { hasColors, printTo, shortened, type Part, type Stream } from '../../src/cli/terminal';
import { printable } from '../../src/operator';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { systemClock } from '../../src/system-clock';
import { over, requestFor } from '../contract/rows';

/** A stream that remembers what it got. */
function stream(isTTY: boolean, columns = 80): Stream & { readonly got: () => string } {
  const through = new PassThrough({ encoding: 'utf8' });
  let got = '';
  through.on('data', (chunk: string) => (got += chunk));
  return Object.assign(through, { isTTY, columns, got: () => got }) as never;
}

const textOf = (row: readonly Part[]): string =>
  row.map((part) => (typeof part === 'string' ? part : part.text)).join('');

const steering = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

describe('what is printed', () => {
  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ TERM: 'dumb' }, true, false],
    [{ CI: 'true' }, false, false],
  ])('has colours as %p says, on a terminal: %p', (env, isTTY, expected) => {
    expect(hasColors({ isTTY }, env)).toBe(expected);
  });

  it('paints, and lets nothing else steer the terminal', async () => {
    const [terminal, pipe] = [stream(true), stream(false)];
    for (const to of [terminal, pipe])
      await printTo(to, {})('a\u001b[2J\n\u202eb ', { text: 'c\u009b', color: 'red' });
    expect(terminal.got()).toBe('a\\u001b[2J\\u000a\\u202eb \u001b[31mc\\u009b\u001b[39m\n');
    expect(pipe.got()).toBe('a\\u001b[2J\\u000a\\u202eb c\\u009b\n');
  });

  it('is the same value still where it is JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const printed = printable(JSON.stringify({ text }));
        expect(JSON.parse(printed)).toEqual({ text });
        expect(printed).not.toMatch(steering);
      }),
    );
  });

  it('waits for who reads slowly', async () => {
    const slow = new PassThrough({ highWaterMark: 16 });
    let isPrinted = false;
    const printed = printTo(slow as never, {})('x'.repeat(100)).then(() => (isPrinted = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isPrinted).toBe(false);
    slow.resume();
    await printed;
  });

  it('is shortened in the middle', () => {
    expect(shortened('0123456789', 10)).toBe('0123456789');
    expect(shortened('0123456789a', 10)).toBe('01234…789a');
    expect([...shortened('𝒳'.repeat(30), 10)]).toHaveLength(10);
  });
});

describe('a table of receipts', () => {
  it('fits the terminal, shows both ends of long ids, and no control character', async () => {
    const store = new MemoryReceipts(new MemoryDatabase(systemClock));
    const ids = [`order/${'0123456789abcdef'.repeat(6)}/charge/7`, 'short:1', 'evil\u001b[2J\n\u202e'];
    for (const id of ids) await store.claim(requestFor(id, { leaseMs: over, action: 'a'.repeat(60) }));
    const receipts = await store.list();
    for (const width of [70, 80, 120, 200]) {
      const rows = tableOf(receipts, width).map(textOf).map(printable);
      expect(rows[0]).toMatch(/^AGE +STATE +POLICY +ACTION +REQUEST ID$/);
      for (const row of rows) {
        expect([...row].length).toBeLessThanOrEqual(width);
        expect(row).not.toMatch(steering);
      }
      expect(rows.join('\n')).toMatch(/ order\/.*harge\/7$/m);
    }
    expect(tableOf(receipts, 200).map(textOf).join('\n')).toContain(ids[0]);
  });
});

describe('progress', () => {
  it('is nothing where nobody watches, and asks for no total then', async () => {
    const pipe = stream(false);
    const bar = await progress('rows', () => Promise.reject(new Error('asked')), pipe);
    bar.add(1);
    bar.end();
    expect(pipe.got()).toBe('');
  });

  it('is a bar on a terminal, which leaves nothing behind', async () => {
    const terminal = stream(true);
    const bar = await progress('rows seen', async () => 4, terminal);
    for (let i = 0; i < 5; i++) bar.add(1);
    bar.end();
    expect(terminal.got()).toMatch(/░ 0 of 4 rows seen/);
    expect(terminal.got()).toMatch(/█ 5 of 5 rows seen/); // more came meanwhile
    expect(terminal.got()).toMatch(/\u001b\[2K$/);
  });

  it('is a count where nobody knows how much there is', async () => {
    const terminal = stream(true);
    const bar = await progress('rows pruned', undefined, terminal);
    bar.add(10_000);
    bar.end();
    expect(terminal.got()).toMatch(/10000 rows pruned/);
  });
});
