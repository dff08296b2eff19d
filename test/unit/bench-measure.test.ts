/** The benches' arithmetic: a harness that counts wrongly would say so of nobody. */
import { setTimeout as delay } from 'node:timers/promises';

import { chartOf } from '../../bench/chart';
import { UsageError } from '../../bench/command';
import { drive, interleave, percentiles, ratioSpread, spread } from '../../bench/measure';
import { parseOptions } from '../../bench/options';
import { figure, toMarkdown, toText } from '../../bench/table';
import { assertCount } from '../../bench/workload';

describe('the numbers of several rounds', () => {
  it('are told as least, middle and greatest', () => {
    expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4 });
  });

  it('are compared round by round, not median by median', () => {
    const ours = [{ rate: 10 }, { rate: 300 }, { rate: 20 }];
    const base = [{ rate: 10 }, { rate: 100 }, { rate: 40 }];
    expect(ratioSpread(ours, base, ({ rate }) => rate)).toEqual({ min: 0.5, median: 1, max: 3 });
  });

  it('give the percentiles of unsorted latencies', () => {
    const latencies = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentiles(latencies)).toEqual({ p50Ms: 51, p99Ms: 100 });
    expect(percentiles([])).toEqual({ p50Ms: 0, p99Ms: 0 });
  });
});

describe('turns', () => {
  it('begin with another contender in each round', async () => {
    const order: string[] = [];
    const samples = await interleave(['a', 'b', 'c'], 3, async (name, round) => {
      order.push(name);
      return round;
    });
    expect(order.join('')).toBe('abcbcacab');
    expect(samples).toEqual({ a: [0, 1, 2], b: [0, 1, 2], c: [0, 1, 2] });
  });
});

describe('driving', () => {
  it('keeps as many calls under way as there are lanes, and ends with none', async () => {
    let [underWay, most] = [0, 0];
    const op = async (): Promise<void> => {
      most = Math.max(most, ++underWay);
      await delay(2);
      underWay--;
    };
    const sample = await drive(op, { concurrency: 7, warmMs: 10, ms: 50 });
    expect([most, underWay]).toEqual([7, 0]);
    expect(sample.opsPerS).toBeGreaterThan(0);
    expect(sample.p99Ms).toBeGreaterThanOrEqual(sample.p50Ms);
  });

  it('waits for two calls of each lane where the window is shorter than they are', async () => {
    let calls = 0;
    const op = async (): Promise<void> => {
      calls++;
      await delay(20);
    };
    const { opsPerS } = await drive(op, { concurrency: 5, warmMs: 0, ms: 1 });
    expect(calls).toBeGreaterThanOrEqual(15);
    expect(opsPerS).toBeLessThan(1000);
  });

  it('stops at the first error and tells it, with nothing left under way', async () => {
    let underWay = 0;
    const op = async (): Promise<void> => {
      const mine = ++underWay;
      await delay(mine === 3 ? 1 : 10);
      underWay--;
      if (mine === 3) throw new Error('no');
    };
    await expect(drive(op, { concurrency: 4, warmMs: 0, ms: 10_000 })).rejects.toThrow('no');
    expect(underWay).toBe(0);
  });

  it('an effect too many or too few is an error', () => {
    expect(() => assertCount('effects', 2, 1)).toThrow('effects: 2 counted, 1 intended');
    expect(() => assertCount('effects', 1, 2)).toThrow();
    expect(() => assertCount('effects', 1, 1)).not.toThrow();
  });
});

describe('the command line', () => {
  it('takes names of workloads, and a number of rounds', () => {
    const { only, effort, json } = parseOptions(
      ['--only', 'a,b', '--rounds', '2', '--json'],
      ['a', 'b', 'c'],
    );
    expect([only, effort.rounds, json]).toEqual([['a', 'b'], 2, true]);
    expect(parseOptions(['--quick'], []).effort.quick).toBe(true);
  });

  it.each([[['--only', 'x']], [['--rounds', '0']], [['--rounds', 'many']], [['--faster']], [['stray']]])(
    'refuses %j',
    (args) => {
      expect(() => parseOptions(args, ['a'])).toThrow(UsageError);
    },
  );
});

describe('what is shown', () => {
  const table = {
    title: 'T',
    columns: ['what', 'n'],
    rows: [
      ['a|b', '1,000'],
      ['c', '2'],
    ],
  };

  it('has three digits that count', () => {
    expect([0.1234, 1.234, 12.34, 1234.5].map(figure)).toEqual(['0.12', '1.23', '12.3', '1,235']);
    expect(figure(NaN)).toBe('–');
  });

  it('is a table whose numbers end below each other', () => {
    expect(toText(table)).toBe('T\nwhat      n\n----  -----\na|b   1,000\nc         2');
    expect(toMarkdown(table)).toContain('| a\\|b | 1,000 |');
  });

  it('is a chart that any name may be in', () => {
    const values = [{ min: 1, median: 2, max: 3 }, undefined];
    const groups = [{ name: 'c <1> & "2"', values }];
    const svg = chartOf([{ title: 'a & b', unit: 'per second', series: ['x', 'y'], groups }]);
    expect(svg).toContain('c &lt;1&gt; &amp; &quot;2&quot;');
    expect(svg).not.toContain('NaN');
  });
});
