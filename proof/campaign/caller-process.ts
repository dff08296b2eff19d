/** Guarded calls without Temporal, through one of the drivers. Configured by one JSON argument; asked by messages. */
import { Guard, singleRequest, type ReceiptStore } from 'activity-guard';
import { pgReceipts } from 'activity-guard/pg';
import { postgresReceipts } from 'activity-guard/postgres';
import { terms } from './activities';
import { followClockSteps } from './clock-steps';
import { Payments } from './payments';
import { times, type Answer, type PlainKind } from './terms';

/** What the process is told. */
export interface CallerConfig {
  readonly driver: 'pg' | 'postgres';
  readonly databaseUrl: string;
  readonly providerUrl: string;
}

/** A call that is asked for. */
export interface Call {
  readonly call: number;
  readonly kind: PlainKind;
  readonly intent: string;
}

/** How it ended: an answer, or the code of an error after which it is to be made again. */
export interface Called {
  readonly call: number;
  readonly answer?: Answer;
  readonly error?: string;
}

const config = JSON.parse(process.argv[2] ?? '') as CallerConfig;
const payments = new Payments(config.providerUrl);
const receipts: ReceiptStore =
  config.driver === 'pg'
    ? pgReceipts({ connectionString: config.databaseUrl, max: 4 })
    : postgresReceipts({ ...connectionOf(config.databaseUrl), max: 4 });
const guard = new Guard({ receipts, timeout: times.attemptMs });

/** postgres.js takes the parts: it would read PG* variables for those that a URL lacks. */
function connectionOf(url: string) {
  const { hostname, port, username, password, pathname } = new URL(url);
  return { host: hostname, port: Number(port), username, password, database: pathname.slice(1) };
}

const policies = {
  'plain-probe': { onUnknown: payments.probe, classify: singleRequest() },
  'plain-hold': { onUnknown: 'hold' },
  'plain-retry': { onUnknown: 'retry' },
} as const;

async function execute({ kind, intent }: Call): Promise<Answer> {
  const receipt = await guard.execute({
    ...terms,
    ...policies[kind],
    requestId: intent,
    action: kind,
    payload: intent,
    redact: () => ({ intent }),
    run: (_, claim) => payments.charge(claim, intent, { isKeyed: kind === 'plain-retry' }),
  });
  if (receipt.ok) return { ok: true, result: receipt.result };
  return { ok: false, type: (receipt.error as { type?: string }).type ?? receipt.reason };
}

followClockSteps();
process.on('message', (message: Call | object) => {
  if (!('call' in message)) return;
  const { call } = message;
  const tell = (called: Called): void => void process.send?.(called);
  execute(message).then(
    (answer) => tell({ call, answer }),
    (error: unknown) => tell({ call, error: String((error as { code?: unknown }).code ?? error) }),
  );
});
process.send?.('ready');
