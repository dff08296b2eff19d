/** What is seen of a worker: its spans among Temporal's own, and its log. */
import { inspect } from 'node:util';

import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import {
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryPlugin,
} from '@temporalio/interceptors-opentelemetry';
import type { WorkerOptions } from '@temporalio/worker';

import { guarded } from 'activity-guard/activity';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { Observed } from '../support/observed';
import { entries, WorkerHere } from '../support/worker-here';

let here: WorkerHere;
let observed: Observed;
beforeAll(async () => {
  here = await WorkerHere.start();
  observed = await Observed.start();
});
afterAll(async () => {
  await observed.stop();
  await here.stop();
});
afterEach(() => observed.take());

const secret = 'sk_live_4242';
const guard = (): ActivityGuardPlugin =>
  new ActivityGuardPlugin({ receipts: here.receipts, telemetry: observed.telemetry });

/** Each span with the one that it hangs on. */
const hangsOn = (): string[] => {
  const names = new Map(observed.ended.map((ended) => [ended.spanContext().spanId, ended.name]));
  return observed.ended.map(({ name, parentSpanContext, ...ended }) => {
    const old = (ended as { parentSpanId?: string }).parentSpanId; // of Temporal's, which are of an older SDK
    return `${name} < ${names.get(parentSpanContext?.spanId ?? old ?? '') ?? 'nothing'}`;
  });
};

describe('the spans of a guarded activity', () => {
  const marked = guarded(async () => observed.tracerProvider.getTracer('test').startSpan('http').end());

  async function run(options: Partial<WorkerOptions>): Promise<void> {
    const workflowsPath = require.resolve('../fixtures/plain-workflows');
    const module = '@temporalio/interceptors-opentelemetry/lib/workflow-interceptors';
    const workflowInterceptorModules = [require.resolve(module)];
    const workflowBundle = await here.bundle({ workflowsPath, workflowInterceptorModules });
    const id = `traced ${Math.random()}`;
    await here.running({ activities: { marked }, workflowBundle, ...options }, (run) =>
      run('callAndReplay', 'marked', id),
    );
  }

  it("hang on Temporal's of the call, and Temporal's of the activity on that of the effect", async () => {
    const temporals = new OpenTelemetryPlugin({
      spanProcessor: observed.processor as SpanProcessor as never,
      resource: { attributes: {}, asyncAttributesPending: false } as never,
      tracer: observed.tracerProvider.getTracer('temporal'),
    });
    await run({ plugins: [temporals, guard()] });
    expect(hangsOn()).toEqual([
      'activity_guard.claim < StartActivity:marked',
      'http < RunActivity:marked',
      'RunActivity:marked < activity_guard.effect',
      'activity_guard.effect < StartActivity:marked',
      'activity_guard.settle < StartActivity:marked',
      'StartActivity:marked < RunWorkflow:callAndReplay',
      // The second call gets the receipt: no activity runs.
      'activity_guard.claim < StartActivity:marked',
      'StartActivity:marked < RunWorkflow:callAndReplay',
      'RunWorkflow:callAndReplay < nothing',
    ]);
  });

  it("hang on Temporal's of the activity where that interceptor stands outside of the guard", async () => {
    const tracer = observed.tracerProvider.getTracer('temporal');
    const activityInbound = [
      (context: ConstructorParameters<typeof OpenTelemetryActivityInboundInterceptor>[0]) =>
        new OpenTelemetryActivityInboundInterceptor(context, { tracer }),
    ];
    await run({ plugins: [guard()], interceptors: { activityInbound } });
    expect(hangsOn()).toEqual([
      'activity_guard.claim < RunActivity:marked',
      'http < activity_guard.effect',
      'activity_guard.effect < RunActivity:marked',
      'activity_guard.settle < RunActivity:marked',
      'RunActivity:marked < nothing',
      'activity_guard.claim < RunActivity:marked',
      'RunActivity:marked < nothing',
    ]);
  });
});

describe('the log of a worker', () => {
  it('tells of an unknown outcome whose it is, and nothing that was thrown or passed', async () => {
    const breaks = guarded({ onUnknown: 'fail' }, async (_card: string): Promise<void> => {
      throw Object.assign(new Error(secret), { code: 'E_PARSE' });
    });
    const run = here.running({ activities: { breaks }, plugins: [guard()] }, (call) =>
      call('callOnce', 'breaks', secret),
    );
    await expect(run).rejects.toMatchObject({ cause: { cause: { type: 'OutcomeUnknown' } } });
    const ours = entries.filter(({ message }) => message.startsWith('activity-guard: it is unknown'));
    expect(ours).toMatchObject([
      {
        level: 'WARN',
        meta: {
          ...{ guardEvent: 'unknown', action: 'breaks', by: 'E_PARSE', activityType: 'breaks' },
          requestId: expect.stringContaining('breaks') as string,
          workflowId: expect.any(String) as string,
        },
      },
    ]);
    const spans = observed.take().filter(({ name }) => name.startsWith('activity_guard'));
    expect(inspect([ours, spans], { depth: 10 })).not.toContain(secret);
    expect(await observed.scrape()).not.toContain(secret);
  });
});
