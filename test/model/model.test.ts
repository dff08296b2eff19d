import { explore, invariants } from './explore';
import { rules, type Rule } from './rules';
import { harms, redundant, scenarios, type ScenarioName } from './scenarios';

/** With this set, the shortest way to every harm is printed, step by step. */
const showsTraces = process.env['ACTIVITY_GUARD_MODEL_TRACES'] !== undefined;

const report: string[] = [];

afterAll(() => process.stdout.write(`${report.join('\n')}\n`));

describe('with all rules, whatever fails and whenever', () => {
  it.each(Object.keys(scenarios) as ScenarioName[])('nothing breaks: %s', (name) => {
    const started = performance.now();
    const { states, broken, trace } = explore(scenarios[name]);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    report.push(`model: ${states} states in ${seconds} s, all rules: ${scenarios[name].name}`);
    expect([broken && invariants[broken], ...trace]).toEqual([undefined]);
    // A search that has become small looks at nothing: say so if the world was made smaller on purpose.
    expect(states).toBeGreaterThanOrEqual(scenarios[name].fewestStates);
  });
});

describe('without one rule', () => {
  it.each(harms.map((harm) => [harm.without.join(' and '), invariants[harm.breaks], harm] as const))(
    'without %s it finds "%s" broken',
    (without, invariant, harm) => {
      const { states, broken, trace } = explore(scenarios[harm.in], harm.without, harm.breaks);
      report.push(
        `model: without ${without}: ${trace.length} steps to break "${invariant}" (${states} states)`,
      );
      if (showsTraces) report.push(...trace.map((step) => `         ${step}`));
      expect(broken).toBe(harm.breaks);
    },
  );

  it.each(redundant)('without $rule nothing breaks, for $because', ({ rule, in: name }) => {
    expect(explore(scenarios[name], [rule])).toMatchObject({ trace: [] });
  });

  it('no rule is forgotten', () => {
    const covered = new Set<Rule>([
      ...harms.flatMap(({ without }) => without),
      ...redundant.map((r) => r.rule),
    ]);
    expect((Object.keys(rules) as Rule[]).filter((rule) => !covered.has(rule))).toEqual([]);
  });
});
