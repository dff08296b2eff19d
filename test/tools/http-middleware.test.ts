/** Guarded servers over one database: racing, and killed between effect and answer. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { resolveCommitted } from '../support/cli-process';
import { frameworks, post, problemIn, type Framework, type Seen } from '../support/http-servers';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';
import { until } from '../support/waiting';

let scratch: ScratchSchema;
const children: ChildProcess[] = [];

beforeAll(async () => {
  scratch = await scratchSchema();
  await scratch.pool.query(`create table "${scratch.schema}".effects (body text)`);
});
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));
afterAll(() => scratch.close());

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
}

async function start(framework: Framework, how: 'hangs' | 'answers'): Promise<Started> {
  const child = fork(join(__dirname, '../support/http-server-process.js'), [scratch.schema, framework, how]);
  children.push(child);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { child, url };
}

const effectsOf = async (amount: unknown): Promise<number> => {
  const { rows } = await scratch.pool.query(
    `select count(*)::int as n from "${scratch.schema}".effects where body = $1`,
    [JSON.stringify({ amount })],
  );
  return (rows[0] as { n: number }).n;
};

describe('two servers', () => {
  it('have one effect of twenty racers with one key, and one answer for all', async () => {
    const [a, b] = await Promise.all([start('express', 'answers'), start('express', 'answers')]);
    const racers = Array.from({ length: 20 }, (_, i) => post(i % 2 ? a : b, 'race', { amount: 1 }));
    const seen = await Promise.all(racers);
    expect(seen.filter(({ status, replayed }) => status === 201 && !replayed)).toHaveLength(1);
    for (const other of seen.filter(({ status }) => status !== 201))
      expect(problemIn(other)).toBe('in-flight');
    const after = await Promise.all([post(a, 'race', { amount: 1 }), post(b, 'race', { amount: 1 })]);
    for (const one of after)
      expect(one).toMatchObject({ status: 201, replayed: true, text: '{"id":"ch_1"}' });
    expect(await effectsOf(1)).toBe(1);
  }, 30_000);

  it.each(frameworks)(
    'leave what a kill interrupted in %s unknown, until somebody says what happened; then it is replayed',
    async (framework) => {
      const body = { amount: framework };
      const doomed = await start(framework, 'hangs');
      const lost = post(doomed, framework, body).catch((error: unknown) => error);
      const effect = once(doomed.child, 'message');
      await effect;
      doomed.child.kill('SIGKILL');
      expect(await lost).toMatchObject({ message: 'fetch failed' });

      const server = await start(framework, 'answers');
      const ask = (): Promise<Seen> => post(server, framework, body);
      let last: string | undefined;
      await until(async () => (last = problemIn(await ask())) !== 'in-flight');
      expect(last).toBe('outcome-unknown');

      await resolveCommitted(scratch, `http:${framework}`, {
        ...{ status: 201, headers: { 'content-type': 'application/json' }, body: '{"id":"ch_2"}' },
      });
      expect(await ask()).toMatchObject({
        ...{ status: 201, replayed: true, type: 'application/json', text: '{"id":"ch_2"}' },
      });
      expect(await effectsOf(framework)).toBe(1);
    },
    60_000,
  );
});
