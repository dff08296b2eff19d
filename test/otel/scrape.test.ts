/** The metrics on a real endpoint, of a worker and guards under load, and all that names them: table, dashboard, alerts. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Guard, memoryReceipts, type Guard as AnyGuard } from 'activity-guard';
import { guarded } from 'activity-guard/activity';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { Observed } from '../support/observed';
import { until } from '../support/waiting';
import { WorkerHere } from '../support/worker-here';

const secret = 'sk_live_4242';

let here: WorkerHere;
let observed: Observed;
/** What Prometheus got at the end. */
let scraped: string;

const swallow = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);
const broken = (): never => {
  throw new Error(secret);
};

/** A guard whose receipts, in memory, go wrong. */
function wrong(namespace: string, faults: object): AnyGuard {
  const receipts = Object.assign(memoryReceipts({ namespace }), faults);
  return new Guard({ receipts, telemetry: observed.telemetry });
}

/** Makes each metric happen. */
async function load(guard: AnyGuard): Promise<void> {
  const call = (n: number) => ({ action: 'charge', requestId: `load:${n}`, payload: { card: secret, n } });
  const many = Array.from({ length: 200 }, (_, n) => call(n));
  await Promise.all(many.map((one) => guard.execute({ ...one, run: () => ({ secret }) })));
  await guard.execute({ ...call(0), run: broken });
  await swallow(guard.execute({ ...call(0), requestId: 'broken', leaseFor: '1s', run: broken }));
  const away = () => Promise.reject(Object.assign(new Error(secret), { code: '57P03', transient: false }));
  await swallow(wrong('away', { claim: away }).execute({ ...call(0), leaseFor: 100, run: broken }));
  const losing = wrong('losing', { renew: async () => new Set() });
  await swallow(
    losing.execute({
      ...{ ...call(0), leaseFor: 100 },
      run: (_payload, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error(secret)))),
    }),
  );
}

beforeAll(async () => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  [here, observed] = [await WorkerHere.start(), await Observed.start()];
  const { receipts } = here;
  const { telemetry } = observed;
  let attempts = 0;
  const found = guarded({ onUnknown: () => ({ verdict: 'committed', result: secret }) }, async () =>
    attempts++ === 0 ? broken() : secret,
  );
  const plugins = [new ActivityGuardPlugin({ receipts, telemetry, reconcile: true })];
  await here.running({ activities: { found }, plugins }, async (run) => {
    await run('callOnce', 'found', secret);
    await load(new Guard({ receipts, telemetry }));
    await until(async () => /_looks_total\{[^}]*"open"/.test((scraped = await observed.scrape())));
  });
});
afterAll(async () => {
  jest.restoreAllMocks();
  await observed.stop();
  await here.stop();
});

/** The series of a metric, without what it is measured by. */
const series = (name: string): string[] =>
  scraped.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
/** The sum over those series of a metric that have a text. */
const sum = (name: string, having = ''): number =>
  series(name)
    .filter((line) => line.includes(having))
    .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);

/** The metrics of the scrape, with their kinds. */
const metrics = (): Map<string, string> =>
  new Map(
    [...scraped.matchAll(/^# TYPE (activity_guard\S*) (\S+)$/gm)].map(([, name = '', kind = '']) => [
      name,
      kind,
    ]),
  );

interface Documented {
  readonly name: string;
  readonly inPrometheus: string;
  readonly kind: string;
  readonly unit: string;
  readonly attributes: readonly string[];
}

const docs = (): string => readFileSync('docs/telemetry.md', 'utf8');
/** The rows of the table of metrics. */
const documented = (): Documented[] =>
  docs()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .filter((cells) => cells.length === 8 && cells[1]?.startsWith('activity_guard.'))
    .map(([, name = '', inPrometheus = '', kind = '', unit = '', attributes = '']) => ({
      ...{ name, inPrometheus, kind, unit },
      attributes: attributes.split(', ').filter(Boolean),
    }));

/** The metrics that a text names, whatever part of them it takes. */
const namedIn = (text: string): string[] => {
  const labels = new Set(documented().flatMap(({ attributes }) => attributes.map(inLabels)));
  const names = [...text.matchAll(/activity_guard_\w+/g)].map(([name]) => name);
  return [...new Set(names)]
    .filter((name) => !labels.has(name))
    .map((name) => name.replace(/_(bucket|sum|count)$/, ''));
};
const inLabels = (attribute: string): string => attribute.replaceAll('.', '_');

describe('the scrape of a worker and guards under load', () => {
  it('has every metric that the table names, and the table every metric in it', () => {
    const [inTable, inScrape] = [documented(), metrics()];
    expect(inTable.map(({ inPrometheus }) => inPrometheus).sort()).toEqual([...inScrape.keys()].sort());
    for (const { inPrometheus, kind, unit } of inTable) {
      expect([inPrometheus, inScrape.get(inPrometheus)]).toEqual([inPrometheus, kind]);
      expect(scraped).toContain(`# UNIT ${inPrometheus} ${unit}\n`);
    }
  });

  it('has the attributes that the table names, and no others', () => {
    const foreign = ['le', 'otel_scope_name'];
    for (const { name, inPrometheus, kind, attributes } of documented()) {
      const lines = series(kind === 'histogram' ? `${inPrometheus}_count` : inPrometheus);
      const labels = lines.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, label = '']) => label));
      const own = [...new Set(labels)].filter((label) => !foreign.includes(label));
      expect([name, own.sort()]).toEqual([name, attributes.map(inLabels).sort()]);
    }
  });

  it('counts what happened', () => {
    const answer = (value: string) => `activity_guard_answer="${value}"`;
    expect({
      claimed: sum('activity_guard_claims_total', answer('claimed')),
      replayed: sum('activity_guard_claims_total', answer('replayed')),
      unavailable: sum('activity_guard_claims_total', answer('unavailable')),
      returned: sum('activity_guard_effect_duration_count', answer('returned')),
      threw: sum('activity_guard_effect_duration_count', answer('threw')),
      committed: sum('activity_guard_settlements_total', answer('committed')),
      unknown: sum('activity_guard_settlements_total', answer('unknown')),
      leasesLost: sum('activity_guard_leases_lost_total'),
      found: sum(
        'activity_guard_resolutions_total',
        'activity_guard_by="probe",activity_guard_verdict="committed"',
      ),
      unknownNow: sum('activity_guard_unknown', 'namespace="default"'),
      contested: sum('activity_guard_contested'),
    }).toEqual({
      ...{ claimed: 203, replayed: 2, unavailable: 1, returned: 200, threw: 3, committed: 200, unknown: 3 },
      ...{ leasesLost: 1, found: 1, unknownNow: 1, contested: 0 },
    });
    expect(sum('activity_guard_unknown_oldest_age', 'namespace="default"')).toBeGreaterThan(0);
    const claims = 'activity_guard_batch_kind="claims"';
    const batches = sum('activity_guard_batch_size_count', claims);
    const together = sum('activity_guard_batch_size_sum', claims) / batches;
    expect(together).toBeGreaterThan(1);
    expect(sum('activity_guard_reconciler_passes_total')).toBeGreaterThan(0);
  });

  it('holds no request id, payload, result or message', () => {
    expect(scraped).not.toMatch(new RegExp(`${secret}|load:|request_id`));
  });
});

const dashboard = (): { panels: { title: string; targets: { expr: string }[] }[] } =>
  JSON.parse(readFileSync('docs/grafana-dashboard.json', 'utf8'));
const expressions = (): string[] =>
  dashboard().panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

describe('the dashboard and the alert rules', () => {
  it('name only metrics of the scrape, and between them every one', () => {
    const known = [...metrics().keys()].sort();
    const alerts = namedIn(readFileSync('docs/prometheus-alerts.yml', 'utf8'));
    const panels = namedIn(expressions().join('\n'));
    expect(known).toEqual(expect.arrayContaining([...alerts, ...panels]));
    expect([...new Set([...alerts, ...panels])].sort()).toEqual(known);
  });

  it('ask only for labels and answers of the scrape', () => {
    const asked = [...expressions(), readFileSync('docs/prometheus-alerts.yml', 'utf8')].join('\n');
    const labels = new Set([...scraped.matchAll(/(\w+)="/g)].map(([, label = '']) => label));
    const selected = [...asked.matchAll(/\{([^{}]+)\}/g), ...asked.matchAll(/by \(([^)]+)\)/g)]
      .flatMap(([, list = '']) => list.split(','))
      .map((part) => part.trim().split(/[=~!]/)[0] ?? '')
      .filter((label) => /^\w+$/.test(label) && !['severity'].includes(label));
    expect(selected.filter((label) => !labels.has(label))).toEqual([]);
  });
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
const suite = promtool ? describe : describe.skip;

suite(`Prometheus${promtool ? '' : ' (NOT TESTED: promtool is not in the PATH)'}`, () => {
  const check = (args: readonly string[], input = ''): string => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', input });
    return status === 0 ? '' : `${stdout}${stderr}`;
  };
  it('understands the scrape, and has nothing against the names in it', () => {
    expect(check(['check', 'metrics'], scraped)).toBe('');
  });

  it('understands the alert rules and the dashboard', () => {
    expect(check(['check', 'rules', 'docs/prometheus-alerts.yml'])).toBe('');
    const folder = mkdtempSync(join(tmpdir(), 'activity-guard-'));
    try {
      const rules = expressions().map((expr, n) => ({
        record: `panel:${n}`,
        expr: expr.replaceAll('$__rate_interval', '5m'),
      }));
      const file = join(folder, 'panels.yml'); // JSON is YAML
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
      expect(check(['check', 'rules', file])).toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('sees each alert fire where it has to, and nowhere else', () => {
    expect(check(['test', 'rules', 'test/fixtures/prometheus-alerts.test.yml'])).toBe('');
  });
});
