/** Secrets planted in a workflow whose worker has a codec that encrypts: nowhere in Temporal, tables, logs or telemetry in clear. */
import { guarded } from 'activity-guard/activity';
import { RejectedError } from 'activity-guard';
import { ActivityGuardPlugin, type GuardEvent } from 'activity-guard/worker';
import { EncryptingCodec } from '../support/encrypting-codec';
import { Observed } from '../support/observed';
import {
  clean,
  leaksIn,
  planted,
  secretive,
  secretiveError,
  Sinks,
  told,
  wholly,
} from '../support/planted-secrets';
import { everyRow } from '../support/planted-world';
import { newPool } from '../support/scratch-schema';
import { until } from '../support/waiting';
import { entries, WorkerHere } from '../support/worker-here';

const workflowsPath = require.resolve('../fixtures/observing-workflows');
const failureConverterPath = require.resolve('../fixtures/secretive-failures');

let here: WorkerHere;
let observed: Observed;
beforeAll(async () => {
  [here, observed] = [await WorkerHere.start(workflowsPath, 'INFO'), await Observed.start()];
});
afterAll(async () => {
  await observed.stop();
  await here.stop();
});

/** Bytes as the text that they may hold. */
const asText = (key: string, value: unknown): unknown =>
  typeof value === 'string' && (key === 'data' || key === 'encoding')
    ? Buffer.from(value, 'base64').toString('latin1')
    : value;

const breaking = async (_secrets: unknown): Promise<never> => {
  throw secretiveError();
};

/** Guarded activities that end in every way, and are all told the secrets. */
function activities() {
  let asked = 0;
  /** Has no answer at first. */
  const probe = ({ payload }: { payload: unknown }) =>
    asked++ === 0 ? breaking(payload) : ({ verdict: 'committed', result: payload } as const);
  return {
    pays: guarded({ redact: () => ({ order: 'order-42' }) }, async (_secrets: unknown) => secretive),
    refuses: guarded(async (_secrets: unknown) => {
      throw new RejectedError(told, { type: 'Refused', details: [secretive], cause: secretiveError() });
    }),
    breaks: guarded({ onUnknown: 'fail' }, breaking),
    doubts: guarded({ onUnknown: probe as never, leaseFor: '1s', graceFor: 0 }, breaking),
    holds: guarded(breaking),
  };
}

it('a worker with a codec that encrypts leaves nothing in clear, and says nothing of it', async () => {
  const sinks = new Sinks();
  const events: GuardEvent[] = [];
  const plugins = [
    new ActivityGuardPlugin({
      ...{ receipts: here.receipts, telemetry: observed.telemetry, reconcile: true },
      onEvent: (event) => events.push(event),
    }),
  ];
  const dataConverter = { failureConverterPath, payloadCodecs: [new EncryptingCodec()] };
  const workflowBundle = await here.bundle({ workflowsPath, failureConverterPath });
  const results = await here.running(
    { activities: activities(), plugins, dataConverter, workflowBundle },
    async (_run, start) => {
      const calls = ['pays', 'refuses', 'breaks', 'doubts'].map(async (name) => {
        const workflow = await start('observe', { name, id: `planted:${name}`, args: [secretive] });
        const result: unknown = await workflow.result();
        sinks.catch('history', JSON.stringify(await workflow.fetchHistory(), asText));
        return result;
      });
      const held = await start('observe', { name: 'holds', id: 'planted:holds', args: [secretive] });
      let pending = '';
      await until(async () => {
        pending = JSON.stringify((await held.describe()).raw.pendingActivities, asText);
        return pending.includes('OutcomeUnknown');
      });
      sinks.catch('pending', pending);
      await held.terminate('seen');
      return Promise.all(calls);
    },
  );
  // The workflow itself has read them all.
  expect(leaksIn(wholly(results))).toEqual(Object.keys(planted));
  const pool = newPool({ connectionString: here.stack.databaseUrl });
  sinks.catch('tables', await everyRow(pool, here.receipts.schemaName));
  await pool.end();
  // What an activity throws, Temporal's SDK logs by itself.
  const ours = entries.filter(
    ({ meta, message }) => meta?.['guardEvent'] ?? message.includes('activity-guard'),
  );
  expect(leaksIn(wholly(entries))).toEqual(Object.keys(planted));
  sinks.catch('log', ours);
  sinks.catch('events', events);
  sinks.catch('metrics', await observed.scrape());
  sinks.catch('spans', observed.take());
  expect(
    sinks.verdict({
      history: /^(?=[^]*binary\/encrypted)(?=[^]*"activityTaskFailedEventAttributes":\{)[^]*"idHash/,
      pending: 'holds',
      tables: /^(?=[^]*evidence: )(?=[^]*order-42)[^]*doubts/,
      ...{ log: 'breaks', events: 'refuses', metrics: 'answer="replayed"', spans: 'pays' },
    }),
  ).toEqual(clean);
});
