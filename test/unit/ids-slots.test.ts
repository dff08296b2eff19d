import fc from 'fast-check';

import { CallTable, type Call, type CallKind } from '../../src/ids';

const start = (calls: CallTable, hash = 'h'): Call => calls.start('activity', 'charge', hash);

describe('slots', () => {
  it('tell apart equal calls side by side, and give an open one out again', () => {
    const calls = new CallTable('s');
    const [first, second] = [start(calls), start(calls)];
    expect(first.id).not.toBe(second.id);
    calls.reopen(first);
    expect(start(calls).id).toBe(first.id);
    calls.settle(second);
    expect(start(calls).id).not.toBe(second.id);
  });

  // Mutation: giving out the call that was reopened last (`open.pop()`), or no sort, fails here.
  it('give out the lowest open one first, in whatever order they were reopened', () => {
    const calls = new CallTable('s');
    const started = [start(calls), start(calls), start(calls)];
    [2, 0, 1].forEach((i) => calls.reopen(started[i] as Call));
    expect([start(calls), start(calls), start(calls)].map((c) => c.id)).toEqual(started.map((c) => c.id));
  });

  it('are not shifted by calls that differ in kind, action or arguments', () => {
    const alone = start(new CallTable('s')).id;
    const calls = new CallTable('s');
    calls.start('child', 'charge', 'h');
    calls.start('activity', 'refund', 'h');
    calls.start('activity', 'charge', 'other');
    expect(start(calls).id).toBe(alone);
  });

  it('carry calls that were running or open over a continue-as-new, and no settled ones', () => {
    const before = new CallTable('s');
    const [running, open, done] = [start(before), start(before), start(before)];
    before.reopen(open);
    before.settle(done);
    expect(before.openCalls().map((c) => c.id)).toEqual([running.id, open.id]);
    const after = new CallTable('s~2', JSON.parse(JSON.stringify(before.openCalls())) as Call[]);
    expect([start(after).id, start(after).id]).toEqual([running.id, open.id]);
    expect(start(after).id).not.toBe(done.id);
    expect(after.openCalls()).toHaveLength(3);
  });

  it('carry the newest thousand open calls: a header has to hold them', () => {
    const calls = new CallTable('s');
    for (let i = 0; i < 1001; i++) calls.start('activity', 'charge', String(i));
    const carried = calls.openCalls();
    expect(carried.map(({ hash }) => hash)).toEqual(Array.from({ length: 1000 }, (_, i) => String(i + 1)));
    expect(JSON.stringify(carried).length).toBeLessThan(300_000);
  });
});

/** The rule as the protocol words it, over plain lists: the lowest slot that is neither running nor settled. */
class Model {
  private readonly fate = new Map<string, ('running' | 'settled' | 'open')[]>();
  private readonly carried: { id: string; group: string; fate: 'running' | 'settled' | 'open' }[];

  constructor(carried: readonly { id: string; group: string }[]) {
    this.carried = carried.map((call) => ({ ...call, fate: 'open' }));
  }

  start(group: string): string {
    const again = this.carried.find((c) => c.group === group && c.fate === 'open');
    if (again) {
      again.fate = 'running';
      return again.id;
    }
    const slots = this.fate.get(group) ?? [];
    this.fate.set(group, slots);
    let slot = 0;
    while (slots[slot] === 'running' || slots[slot] === 'settled') slot++;
    slots[slot] = 'running';
    return `${group}#${slot}`;
  }

  end(id: string, fate: 'settled' | 'open'): void {
    const carried = this.carried.find((c) => c.id === id);
    if (carried) carried.fate = fate;
    const [group = '', slot] = id.split('#');
    const slots = this.fate.get(group);
    if (!carried && slots) slots[Number(slot)] = fate;
  }

  unsettled(): string[] {
    const own = [...this.fate].flatMap(([group, slots]) =>
      slots.flatMap((fate, slot) => (fate === 'settled' ? [] : [`${group}#${slot}`])),
    );
    return [...this.carried.filter((c) => c.fate !== 'settled').map((c) => c.id), ...own].sort();
  }
}

describe('the call table', () => {
  const group = fc.record({
    kind: fc.constantFrom<CallKind>('activity', 'child'),
    action: fc.constantFrom('a', 'b'),
    hash: fc.constantFrom('h', 'i'),
  });
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('start' as const), group }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom('settle' as const, 'reopen' as const), which: fc.nat() }),
    },
  );

  it('does what the rule says, in any order of starts and ends, with any carried calls', () => {
    fc.assert(
      fc.property(
        fc.array(group, { maxLength: 5 }),
        fc.array(step, { maxLength: 60, size: 'max' }),
        (before, steps) => {
          const nameOf = ({ kind, action, hash }: (typeof before)[number]): string =>
            `${kind} ${action} ${hash}`;
          const carried = before.map((call, i) => ({ ...call, id: `carried ${i}` }));
          const table = new CallTable('s', carried);
          const model = new Model(carried.map((call) => ({ id: call.id, group: nameOf(call) })));
          // Real ids and the model's stand for each other one to one.
          const real = new Map(carried.map((call) => [call.id, call.id]));
          const running: { call: Call; modelId: string }[] = [];
          for (const doing of steps) {
            if (doing.do === 'start') {
              const { kind, action, hash } = doing.group;
              const call = table.start(kind, action, hash);
              const modelId = model.start(nameOf(doing.group));
              expect(call).toMatchObject({ kind, action, hash });
              expect(real.get(modelId) ?? call.id).toBe(call.id);
              real.set(modelId, call.id);
              running.push({ call, modelId });
            } else if (running.length > 0) {
              const [ended] = running.splice(doing.which % running.length, 1);
              if (!ended) continue;
              table[doing.do](ended.call);
              model.end(ended.modelId, doing.do === 'settle' ? 'settled' : 'open');
            }
          }
          expect(new Set(real.values()).size).toBe(real.size);
          expect(
            table
              .openCalls()
              .map((c) => c.id)
              .sort(),
          ).toEqual(
            model
              .unsettled()
              .map((id) => real.get(id))
              .sort(),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a run that is made again', () => {
  /** A thread of a workflow makes its calls one after the other, each as often as it fails and once more. */
  const thread = fc.array(fc.record({ action: fc.constantFrom('a', 'b'), failures: fc.nat(2) }), {
    maxLength: 4,
  });
  type Thread = { action: string; failures: number }[];

  /** Walks the threads in some order, up to a number of steps; effects are what nobody had an id for. */
  function walk(threads: readonly Thread[], order: readonly number[], effects: Set<string>): string[] {
    const calls = new CallTable('s');
    const going = threads.map((todo) => ({
      todo: structuredClone(todo),
      call: undefined as Call | undefined,
    }));
    const got: string[] = [];
    for (const pick of order) {
      const able = going.filter(({ todo }) => todo.length > 0);
      const one = able[pick % able.length];
      const [now] = one?.todo ?? [];
      if (!one || !now) break;
      if (!one.call) one.call = calls.start('activity', now.action, 'h');
      else if (effects.has(one.call.id) || now.failures-- === 0) {
        calls.settle(one.call);
        effects.add(one.call.id);
        got.push(one.call.id);
        one.todo.shift();
        one.call = undefined;
      } else {
        calls.reopen(one.call);
        one.call = undefined;
      }
    }
    return got.sort();
  }

  it('has as many effects as the code has calls, however far the first one came and in whatever order', () => {
    const order = fc.array(fc.nat(99), { maxLength: 60, size: 'max' });
    const toTheEnd = fc.infiniteStream(fc.nat(99)).map((picks) => [...picks.take(500)]);
    fc.assert(
      fc.property(
        fc.array(thread, { maxLength: 4 }),
        order,
        toTheEnd,
        toTheEnd,
        (threads, part, all, again) => {
          const effects = new Set<string>();
          walk(threads, part, effects);
          const first = walk(threads, all, effects);
          expect(effects.size).toBe(threads.flat().length);
          expect(first).toEqual([...effects].sort());
          expect(walk(threads, again, effects)).toEqual(first);
        },
      ),
      { numRuns: 300 },
    );
  });
});
