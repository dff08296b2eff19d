/** CrewAI from PyPI: its retries, its models, its processes that die, guarded through MCP and through HTTP. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';

import { cliMain, runCli } from '../support/cli-process';
import { findCrewai, startPython, type Turn } from '../support/crews';
import { Provider } from '../support/provider';
import { databaseUrl, scratchSchema, type ScratchSchema } from '../support/scratch-schema';
import { startServing, stop, type Serving } from '../support/serving';

const key = 'crew-secret-0123456789';
const crewLimitMs = 240_000;

const found = findCrewai();
const python = 'python' in found ? found.python : '';
let scratch: ScratchSchema;
let serving: Serving;
let provider: Provider;

const guards: Record<string, () => object> = {
  MCP: () => ({
    command: [process.execPath, cliMain, 'mcp', '--schema', scratch.schema],
    env: { DATABASE_URL: databaseUrl() },
  }),
  HTTP: () => ({ url: serving.url, key }),
};
const through = Object.keys(guards);

/** What the model of a crew read of its calls. */
async function kickOff(guard: string, turns: readonly Turn[], leaseFor = '2m'): Promise<string[]> {
  const told = { guard: guards[guard]?.(), provider: provider.url, turns, leaseFor };
  return (await startPython(python, 'crew.py', told).ended).told as string[];
}

async function kickOffFaulty(kind: string, guard: string, turns: readonly Turn[]) {
  const told = { kind, guard: guards[guard]?.(), provider: provider.url, turns };
  const { told: read } = await startPython(python, 'faulty_crew.py', told).ended;
  return read as { read: string[]; runs?: number };
}

const turn = (order: string, note = 'please', cents = 500): Turn => ({ order, cents, note });
const isUnknown = expect.stringMatching(/^It is unknown whether this happened .*Do not call the tool again/);

it('is documented by the code of the example', () => {
  const text = (file: string): string => readFileSync(resolve(__dirname, '../../..', file), 'utf8');
  const [, snippet] = /```python\n([^]*?)\n```/.exec(text('docs/agents.md')) ?? [];
  expect(text('examples/tools/crewai/crew.py')).toContain(snippet ?? 'a snippet');
});

const suite = 'python' in found ? describe : describe.skip;
suite(`CrewAI${'missing' in found ? ` (NOT TESTED: ${found.missing})` : ''}`, () => {
  beforeAll(async () => {
    scratch = await scratchSchema();
    provider = await Provider.start();
    serving = await startServing(['--schema', scratch.schema], { ACTIVITY_GUARD_KEYS: `default ${key}` });
  });
  afterAll(async () => {
    await stop(serving);
    await provider.stop();
    await scratch.close();
  });
  afterEach(() => (provider.instead = undefined));

  const breakTheLine = (): void => {
    provider.instead = (_order, response) => Boolean(response.destroy());
  };

  /** What an operator does. */
  async function foundOut(order: string): Promise<void> {
    const cli = async (command: string, ...args: string[]): Promise<string> => {
      const its = ['--schema', scratch.schema, '--json'];
      const { code, out, err } = await runCli([command, `charge:${order}`, ...its, ...args]);
      if (code !== 0) throw new Error(err);
      return out;
    };
    const { token } = JSON.parse(await cli('show')) as { token: string };
    const result = ['--committed', '--result', '"as seen in the console"', '--reason', 'seen there'];
    await cli('resolve', '--token', token, '--no-temporal', ...result);
  }

  it(
    'runs a tool that fails six times for one call of its model, when nothing guards it',
    async () => {
      breakTheLine();
      await kickOffFaulty('unguarded', 'HTTP', [turn('bare')]);
      expect(provider.count('bare')).toBe(6);
    },
    crewLimitMs,
  );

  it.each(through)(
    'acts once through %s where the answer of the provider is lost, and its model asks again',
    async (guard) => {
      const [order, next] = [`lost-${guard}`, `next-${guard}`];
      provider.instead = (booked, response) => {
        if (booked === order) response.destroy();
        else void foundOut(order).then(() => response.end('{"id":"ch_0"}'));
        return true;
      };
      const turns = [turn(order), turn(order, 'again, please'), turn(next), turn(order), turn(order)];
      expect(await kickOff(guard, turns, '2s')).toEqual([
        isUnknown,
        isUnknown, // once the lease is over
        'charged as ch_0',
        'as seen in the console', // and not what CrewAI's cache would say
        expect.stringContaining('reusing the same input'), // CrewAI itself
      ]);
      expect(provider.count(order)).toBe(1);
    },
    crewLimitMs,
  );

  it.each(through)(
    'gives the receipt through %s to a tool that CrewAI runs again, and to a model that words it anew',
    async (guard) => {
      const order = `paper-${guard}`;
      const turns = [turn(order), turn(order, 'as I said'), turn(order, 'more', 900)];
      const { read, runs } = await kickOffFaulty('failing-after', guard, turns);
      const receipt = `charged as ${provider.booked.find((booked) => booked.order === order)?.id}`;
      expect(read).toEqual([receipt, receipt, expect.stringContaining('belongs to something else')]);
      expect(runs).toBe(6); // three of them failed
      expect(provider.count(order)).toBe(1);
    },
    crewLimitMs,
  );

  it.each(through)(
    'does not act again through %s for a crew that is kicked off after it was killed between effect and receipt',
    async (guard) => {
      const order = `killed-${guard}`;
      const told = { guard: guards[guard]?.(), provider: provider.url, turns: [turn(order)], leaseFor: '2s' };
      const dying = startPython(python, 'crew.py', told);
      provider.instead = () => process.kill(dying.pid, 'SIGKILL');
      expect((await dying.ended).signal).toBe('SIGKILL');
      expect(provider.count(order)).toBe(1);

      provider.instead = undefined;
      const again = [turn(order, 'charge what was not charged')];
      expect(await kickOff(guard, again, '2s')).toEqual([isUnknown]);

      await foundOut(order);
      expect(await kickOff(guard, again)).toEqual(['as seen in the console']);
      expect(provider.count(order)).toBe(1);
    },
    2 * crewLimitMs,
  );

  it(
    'gives the result although its receipt cannot be written, and tells the next crew that nobody knows',
    async () => {
      const order = 'unwritten';
      const short = await startServing(['--schema', scratch.schema], {
        ACTIVITY_GUARD_KEYS: `default ${key}`,
      });
      provider.instead = (_order, response) => {
        void stop(short).then(() => response.end('{"id":"ch_0"}'));
        return true;
      };
      const told = {
        guard: { url: short.url, key },
        provider: provider.url,
        turns: [turn(order)],
        leaseFor: '2s',
      };
      expect((await startPython(python, 'crew.py', told).ended).told).toEqual(['charged as ch_0']);
      expect(await kickOff('HTTP', [turn(order)], '2s')).toEqual([isUnknown]);
      expect(provider.count(order)).toBe(1);
    },
    crewLimitMs,
  );

  /** The guard alone, in any Python. */
  async function call(guard: object, calls: readonly object[], more: object = {}) {
    const { told } = await startPython(python, 'guard_alone.py', { guard, calls, ...more }).ended;
    return told as { gave: unknown[]; refused: boolean[]; acts: string[]; refusesAsync: boolean };
  }

  const isAway = expect.stringContaining('receipts cannot be reached');
  const isNotDone = expect.stringContaining('This surely did not happen');

  it.each(through)('tells through %s what the act raised or gave, the same each time', async (guard) => {
    const id = (what: string): string => `${guard}:${what}/ü`;
    const ways = ['rejected', 'not-committed', 'raises', 'awaitable', 'plain', 'odd', 'nan'];
    const twice = ways.flatMap((how) => [how, how]).map((how) => ({ order: id(how), how }));
    const { gave, refused, acts, refusesAsync } = await call(guards[guard]?.() ?? {}, twice);
    const isNo = expect.stringMatching(/^Refused for good .*: card declined\./);
    const plain = { id: 1, at: [1, null] };
    expect(gave.slice(0, 4)).toEqual([isNo, isNo, isNotDone, isNotDone]);
    expect(gave.slice(4, 8)).toEqual(Array(4).fill(isUnknown));
    expect(gave.slice(8)).toEqual([plain, plain, '{2}', '{2}', 'nan', 'nan']);
    expect(refused).toEqual([...Array<boolean>(8).fill(true), ...Array<boolean>(6).fill(false)]);
    expect(acts).toEqual(['rejected', 'not-committed', ...ways.slice(1)].map(id));
    expect(refusesAsync).toBe(true);
  });

  it('does not act on a claim that was long on its way, and gives it back', async () => {
    const wanted = { order: 'late', how: 'plain' };
    const late = await call({ url: serving.url, key }, [wanted], { leaseFor: '4s', lateBy: 2.2 });
    expect([late.gave, late.acts]).toEqual([[isNotDone], []]);
    expect((await call({ url: serving.url, key }, [wanted])).acts).toEqual(['late']);
  });

  it('does nothing where the service is away, does not know the key, or refuses the id', async () => {
    const wanted = { order: 'away', how: 'plain' };
    const said = await Promise.all([
      call({ url: 'http://127.0.0.1:9', key }, [wanted]),
      call({ url: serving.url, key: 'another-key-0123456789' }, [wanted]),
      call({ url: serving.url, key }, [{ ...wanted, order: '' }]),
    ]);
    expect(said.map(({ gave, acts }) => [...gave, ...acts])).toEqual([
      [isAway],
      [expect.stringContaining('Send an API key')],
      [expect.stringContaining('cannot be guarded')],
    ]);
  });

  it('does nothing on the word of something else than the service', async () => {
    const asked: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      asked.push(request.url);
      const [, status = ''] = (request.url ?? '').split('/');
      response
        .writeHead(Number(status), { location: '/200/elsewhere' })
        .end(status === '200' ? '<html>' : '{}');
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const by = (status: number) =>
      call({ url: `http://127.0.0.1:${port}/${status}`, key }, [{ order: 'x', how: 'plain' }]);
    try {
      const said = [await by(200), await by(503), await by(302)];
      const isRefused = expect.stringContaining('cannot be guarded');
      expect(said.map(({ gave, acts }) => [...gave, ...acts])).toEqual([[isAway], [isAway], [isRefused]]);
      expect(asked).toEqual(['/200/claim', '/503/claim', '/302/claim']);
    } finally {
      other.close();
    }
  });
});
