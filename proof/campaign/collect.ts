/** What is left when all has come to rest: the ledger, the receipts, and Temporal's histories. */
import { readFileSync } from 'node:fs';

import type { Client } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { temporal } from '@temporalio/proto';

import type { Receipt } from 'activity-guard';
import type { PostgresReceipts } from 'activity-guard/pg';
import type { Completed, SeenReceipt } from './checker';
import type { Charge, LedgerLine } from './terms';

export const readLedger = (file: string): LedgerLine[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => (line ? [JSON.parse(line) as LedgerLine] : []));

const pageSize = 1000;

export async function readReceipts(receipts: PostgresReceipts): Promise<SeenReceipt[]> {
  const all: SeenReceipt[] = [];
  let afterKey: string | undefined;
  for (;;) {
    const page = await receipts.list({ limit: pageSize, ...(afterKey ? { afterKey } : { afterKey: noKey }) });
    all.push(...page.map(seen));
    if (page.length < pageSize) return all;
    afterKey = page.at(-1)?.key;
  }
}

/** Before all keys. */
const noKey = '00000000-0000-0000-0000-000000000000';

const seen = ({ origin, requestId, state, epoch, contested, outcome }: Receipt): SeenReceipt => ({
  intent: origin['payload.intent'] ?? requestId,
  ...{ requestId, state, epoch, contested },
  result: state === 'committed' && outcome ? resultOf(outcome) : undefined,
});

function resultOf({ format, bytes }: NonNullable<Receipt['outcome']>): unknown {
  if (format === 'json') return JSON.parse(Buffer.from(bytes).toString());
  if (format === 'temporal/payload') return decoded(temporal.api.common.v1.Payload.decode(bytes));
  return `an outcome of format ${format}`;
}

const decoded = (payload: Payload | undefined | null): unknown =>
  payload ? defaultPayloadConverter.fromPayload(payload) : undefined;

/** Of the bookings in the database, as charges. */
export const asCharge = ({ id, intent }: { id: string; intent: string }): Charge => ({
  id: `booking ${id}`,
  intent,
});

/** The calls of a workflow that its history has as completed, and how many attempts each intent took. */
export async function readHistory(
  client: Client,
  workflowId: string,
): Promise<{ completed: Completed[]; attempts: Map<string, number> }> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const intents = new Map<string, string>();
  const attempts = new Map<string, number>();
  const completed: Completed[] = [];
  for (const event of events ?? []) {
    const { activityTaskScheduledEventAttributes: scheduled, activityTaskStartedEventAttributes: started } =
      event;
    const { activityTaskCompletedEventAttributes: ended } = event;
    if (scheduled) intents.set(String(event.eventId), decoded(scheduled.input?.payloads?.[0]) as string);
    if (started) {
      const intent = intents.get(String(started.scheduledEventId)) ?? '';
      attempts.set(intent, (attempts.get(intent) ?? 0) + (started.attempt ?? 1));
    }
    if (ended) {
      const intent = intents.get(String(ended.scheduledEventId)) ?? '';
      completed.push({ intent, result: decoded(ended.result?.payloads?.[0]) });
    }
  }
  return { completed, attempts };
}
