/** The examples run as they are told to be run, say what they promise, and have as many effects as intents. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { findExamples, runExample, verdictOf } from '../../examples/run';
import { databaseUrl } from '../support/scratch-schema';

/** What some examples print, where that says something. */
const prints: Record<string, readonly unknown[]> = {
  'before-after': [
    'first call: Error: socket hang up',
    'retry: ch_2',
    'without the guard: 2 charges',
    '',
    expect.stringMatching(/^first call: OutcomeUnknownError: It is unknown whether charge happened/),
    'retry: ch_1',
    'effects: 1, intents: 1',
  ],
  decorator: [
    'first call: invoice 7 sent to C123',
    'first call: invoice 8 sent to C123',
    'retry: invoice 7 sent to C123',
    'retry: invoice 8 sent to C123',
    'effects: 2, intents: 2',
  ],
  mcp: [
    expect.stringMatching(/^first call: .*Connection closed$/),
    'retry: charged for order:42',
    'effects: 1, intents: 1',
  ],
  openai: ['first call: sent as mail 1', 'retry: sent as mail 1', 'effects: 1, intents: 1'],
  postgres: [
    'first call: charged, and killed before its receipt (1 charge)',
    'retry: unknown, so nothing was run',
    'retry, asking the provider: dedup_same_request_id',
    'effects: 1, intents: 1',
  ],
  webhook: [
    'first call: evt_1 201 {"shipment":1}',
    'first call: evt_2 201 {"shipment":2}',
    'retry: evt_1 201 {"shipment":1}',
    'retry: evt_2 201 {"shipment":2}',
    'effects: 2, intents: 2',
  ],
};

/** An example with a folder installs packages of another language there: CI runs it by itself, after the tests. */
const hasFolder = (name: string): boolean => existsSync(resolve(__dirname, '../../../examples/tools', name));

const ofNode = findExamples().filter(({ name }) => !hasFolder(name));

it('expects output of examples that are there', () => {
  expect(ofNode.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(prints)));
});

it.each(ofNode)('the example $name', async (example) => {
  const { output, ...ran } = await runExample(example, databaseUrl(), 50_000);
  expect(ran).toMatchObject({ outcome: 'ok', errors: '' });
  const expected = prints[example.name];
  if (expected) expect(output.trim().split('\n')).toEqual(expected);
});

describe('an example has failed', () => {
  const calls = 'first call: a\nretry: a\n';
  it.each([
    ['with more effects than intents', `${calls}effects: 2, intents: 1\n`],
    ['with less', `${calls}effects: 0, intents: 1\n`],
    ['with none of both', `${calls}effects: 0, intents: 0\n`],
    ['without counts', calls],
    ['with counts that are not its last line', `${calls}effects: 1, intents: 1\nmore\n`],
    ['with half a line of counts', `${calls}some effects: 1, intents: 1\n`],
    ['without a first call', 'retry: a\neffects: 1, intents: 1\n'],
    ['without a retry', 'first call: a\neffects: 1, intents: 1\n'],
    ['without a word', ''],
  ])('%s', (_what, output) => {
    expect(verdictOf(output)).toMatchObject({ outcome: 'failed' });
  });

  it('when its process has, whatever it printed', () => {
    const output = `${calls}effects: 1, intents: 1\n`;
    expect(verdictOf(output, 'ended with 1')).toEqual({ outcome: 'failed', says: 'ended with 1' });
    expect(verdictOf(output)).toEqual({ outcome: 'ok', says: 'effects 1 = intents 1' });
    expect(verdictOf('skipped: no python3\n')).toEqual({ outcome: 'skipped', says: 'no python3' });
  });
});
