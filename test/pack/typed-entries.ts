/** A use of every entry, for the compiler alone: each with the types of the framework that it is for. */
import type { Client } from '@temporalio/client';
import type { WorkerOptions } from '@temporalio/worker';
import type { Hono } from 'hono';
import { tool as aiTool, jsonSchema } from 'ai';

import { Guard, singleRequest, type Executed, type Rejected } from 'activity-guard';
import { effect, guarded, requestId } from 'activity-guard/activity';
import { guardTool as guardAiTool, isToolFailure } from 'activity-guard/ai';
import { TemporalHistoryEvidence } from 'activity-guard/client';
import { honoGuard } from 'activity-guard/http';
import { guardTool as guardLangChainTool } from 'activity-guard/langchain';
import { guardTool as guardMcpTool } from 'activity-guard/mcp';
import { guardTool as guardOpenAITool } from 'activity-guard/openai';
import { telemetry } from 'activity-guard/otel';
import { pgReceipts } from 'activity-guard/pg';
import { postgresReceipts } from 'activity-guard/postgres';
import { crashAt, startTestStack } from 'activity-guard/testing';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { isOutcomeUnknown, withRequestId } from 'activity-guard/workflow';
import { interceptors } from 'activity-guard/workflow-interceptors';
import { resolveOutcome } from 'activity-guard/workflow-outcomes';
import { guardTool as guardActivityTool } from 'activity-guard/workflow-tools';

export const receipts = pgReceipts({ connectionString: 'postgres://', max: 2 }, { schema: 'a' });
export const others = postgresReceipts('postgres://');
export const guard = new Guard({ receipts, telemetry: telemetry(), leaseFor: '30s' });

export const chargeCard = guarded({ classify: singleRequest() }, async (order: { id: string }) => {
  const step: number = await effect('reserve', () => 1);
  return { charge: `${order.id}${step}${requestId()}` };
});
export const charged: Promise<{ charge: string }> = chargeCard({ id: '1' });
// @ts-expect-error an order has an id
export const wrong = (): unknown => chargeCard({});

export const worker: Partial<WorkerOptions> = {
  plugins: [new ActivityGuardPlugin({ receipts, reconcile: true })],
};
export const evidence = (client: Client): unknown => new TemporalHistoryEvidence({ client });
export const underOneId = (): Promise<{ charge: string }> =>
  withRequestId('order:1', () => chargeCard({ id: '1' }));
export const isUnknown: boolean = isOutcomeUnknown(new Error());
export const realm = { interceptors, resolveOutcome };

export const mailTool = guardAiTool(
  { guard, action: 'send', requestId: (mail) => `mail:${mail.invoice}` },
  aiTool({
    inputSchema: jsonSchema<{ invoice: string }>({ type: 'object' }),
    execute: async ({ invoice }) => ({ sent: invoice }),
  }),
);
export const tools = { guardLangChainTool, guardMcpTool, guardOpenAITool, guardActivityTool, isToolFailure };
export const route = (app: Hono): unknown =>
  app.post('/charges', honoGuard({ guard, action: 'charge', scope: () => 'shop' }), (c) =>
    c.json(requestId()),
  );

export async function test(): Promise<string> {
  const stack = await startTestStack({ temporal: false });
  // @ts-expect-error there is no such moment
  crashAt(receipts, 'some-time');
  return stack.databaseUrl;
}
export const told = (receipt: Executed<number> | Rejected): number | string =>
  receipt.ok ? receipt.result : receipt.reason;
