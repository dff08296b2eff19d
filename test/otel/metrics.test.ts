/** What bounds the metrics: how many series there are, and how often the receipts are counted. */
import { MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

import { telemetry, type TelemetryOptions } from 'activity-guard/otel';
import { Guard, InvalidRequestError, memoryReceipts, type OutstandingCounts } from '../../src';

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** A guard that tells its metrics to a provider of its own. */
function setUp(
  options: TelemetryOptions = {},
  more: { countOutstanding?: () => Promise<OutstandingCounts> } = {},
) {
  const reader = new Reader();
  const exporter = new InMemorySpanExporter();
  const receipts = Object.assign(memoryReceipts(), more);
  const meterProvider = new MeterProvider({ readers: [reader] });
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const guard = new Guard({ receipts, telemetry: telemetry({ meterProvider, tracerProvider, ...options }) });
  /** The points of each metric that has any. */
  const collect = async (): Promise<
    Map<string, { attributes: Record<string, unknown>; value: unknown }[]>
  > => {
    const { resourceMetrics }: { resourceMetrics: ResourceMetrics } = await reader.collect();
    const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    return new Map(all.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints as never]));
  };
  return { receipts, guard, collect, exporter };
}

const call = (n: number, action = 'charge') => ({
  action,
  requestId: `order:${n}`,
  payload: n,
  run: () => 'done',
});
const counts = async (): Promise<OutstandingCounts> => ({ unresolved: 7, contested: 0 });

describe('the attributes of metrics', () => {
  it('tell a hundred actions apart and call the others so, on every metric', async () => {
    const { guard, collect, exporter } = setUp();
    for (let n = 0; n < 150; n++) await guard.execute(call(n, `action ${n}`));
    await guard.execute({ ...call(0, 'action 0'), requestId: 'again' });
    for (const [name, points] of await collect()) {
      const actions = points.map(({ attributes }) => attributes['activity_guard.action']).filter(Boolean);
      if (actions.length > 0)
        expect([name, new Set(actions).size, actions.includes('other')]).toEqual([name, 101, true]);
    }
    expect(exporter.getFinishedSpans().at(-1)?.attributes['activity_guard.action']).toBe('action 0');
  });

  it('leave out what is far too long', async () => {
    const { guard, collect } = setUp();
    const thrown = Object.assign(new Error('away'), { code: 'x'.repeat(10_000), transient: false });
    jest.spyOn(guard.receipts, 'claim').mockRejectedValue(thrown);
    await expect(guard.execute({ ...call(1), leaseFor: 100 })).rejects.toThrow();
    expect((await collect()).get('activity_guard.store.errors')).toMatchObject([
      { attributes: { 'error.type': 'other' }, value: 1 },
    ]);
  });
});

describe('counting the receipts', () => {
  it('happens once in a while, however often the metrics are asked for', async () => {
    const counted = jest.fn(counts);
    const { collect } = setUp({ countEvery: '1h' }, { countOutstanding: counted });
    for (let n = 0; n < 5; n++)
      expect((await collect()).get('activity_guard.unknown')).toMatchObject([
        { attributes: { 'activity_guard.namespace': 'default' }, value: 7 },
      ]);
    expect(counted).toHaveBeenCalledTimes(1);
  });

  it('that takes long takes a hundredth of the time', async () => {
    let now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const counted = jest.fn(async () => {
      now += 2000;
      return counts();
    });
    const { collect } = setUp({ countEvery: '1m' }, { countOutstanding: counted });
    const times = async (at: number): Promise<number> => {
      now = at;
      await collect();
      return counted.mock.calls.length;
    };
    expect([await times(0), await times(70_000), await times(201_999)]).toEqual([1, 1, 1]);
    expect(await times(202_000)).toBe(2);
  });

  it('once for a store that several guards use', async () => {
    const counted = jest.fn(counts);
    const reader = new Reader();
    const observer = telemetry({ meterProvider: new MeterProvider({ readers: [reader] }) });
    const receipts = Object.assign(memoryReceipts(), { countOutstanding: counted });
    for (let n = 0; n < 3; n++) new Guard({ receipts, telemetry: observer });
    await reader.collect();
    expect(counted).toHaveBeenCalledTimes(1);
  });

  it('is not done at all where it is not wanted', async () => {
    const counted = jest.fn(counts);
    const { collect, guard } = setUp({ countEvery: false }, { countOutstanding: counted });
    await guard.execute(call(1));
    expect([...(await collect()).keys()]).not.toContain('activity_guard.unknown');
    expect(counted).not.toHaveBeenCalled();
  });

  it('that hangs holds nobody up, and does not pass an old count for a new one', async () => {
    const counted = jest
      .fn(() => new Promise<OutstandingCounts>(() => undefined))
      .mockImplementationOnce(counts);
    const { collect } = setUp({ countEvery: 0 }, { countOutstanding: counted });
    const now = async () => (await collect()).get('activity_guard.unknown')?.[0]?.value;
    expect([await now(), await now(), await now(), await now()]).toEqual([7, 7, NaN, NaN]);
    expect(counted).toHaveBeenCalledTimes(2);
    expect((await collect()).get('activity_guard.store.errors')).toMatchObject([
      { attributes: { 'error.type': 'ReceiptStoreUnavailable' } },
    ]);
  });

  it('that fails is a store error, and no number', async () => {
    const failing = () => Promise.reject(Object.assign(new Error('sk_live'), { code: '57P03' }));
    const { collect } = setUp({ countEvery: 0 }, { countOutstanding: failing });
    await collect();
    const all = await collect();
    for (const gauge of ['unknown', 'unknown.oldest_age', 'contested'])
      expect(all.get(`activity_guard.${gauge}`)).toMatchObject([{ value: NaN }]);
    expect(all.get('activity_guard.store.errors')).toMatchObject([{ attributes: { 'error.type': '57P03' } }]);
  });

  it('takes a duration, or refuses it', () => {
    expect(() => telemetry({ countEvery: 'often' })).toThrow(InvalidRequestError);
  });
});
