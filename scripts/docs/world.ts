/**
 * The world of the pages: names that snippets use without explaining them. Compiled along with all snippets, and part of
 * nothing else. First the shop that the examples are about, then what pages take from the library without an import.
 */
import type { Client, WorkflowHandle } from '@temporalio/client';
import type * as Temporal from '@temporalio/workflow';
import type * as Activity from '@temporalio/activity';

import type * as Root from 'activity-guard';
import type * as ForActivities from 'activity-guard/activity';
import type * as ForClients from 'activity-guard/client';
import type * as ForPostgres from 'activity-guard/pg';
import type * as ForTests from 'activity-guard/testing';
import type * as ForWorkers from 'activity-guard/worker';
import type * as ForWorkflows from 'activity-guard/workflow';

declare global {
  interface Order {
    readonly id: string;
    readonly amount: number;
    readonly cents: number;
    readonly currency: string;
    readonly invoice: string;
  }
  interface Invoice {
    readonly number: number;
  }
  interface Mail {
    readonly id: string;
    readonly invoice: string;
    readonly text: string;
  }
  interface Charge {
    readonly id: string;
    readonly metadata: { readonly request_id: string };
  }
  const send: (mail: Mail) => Promise<{ id: string }>;
  const order: Order;
  const invoice: Invoice;
  const mail: Mail;
  const charge: Charge;
  const payments: {
    readonly count: number;
    charge(order: Order, options: { reference?: string; idempotencyKey?: string }): Promise<Charge>;
    find(reference: string): Promise<Charge | undefined>;
    refund(order: string, cents: number, options: { idempotencyKey: string }): Promise<Charge>;
  };
  const mailer: { send(mail: { text: string }, options: { reference?: string }): Promise<{ id: string }> };
  const taskQueue: string;
  const workflowsPath: string;
  const activities: { pay: (order: Order & { requestedAt: number }) => Promise<Charge> };
  const chargeCard: ((order: Order) => Promise<Charge>) & { readonly guarded?: true };
  const client: Client;
  const handle: WorkflowHandle;
  const receipts: ReturnType<typeof ForPostgres.pgReceipts>;
  const guard: Root.Guard;

  const { committed, notCommitted, RejectedError, currentClaim, Guard }: typeof Root;
  const { guarded, effect, requestId }: typeof ForActivities;
  const { withRequestId, withFingerprint }: typeof ForWorkflows;
  const { ActivityGuardPlugin }: typeof ForWorkers;
  const { GuardedCompletion }: typeof ForClients;
  const { pgReceipts }: typeof ForPostgres;
  const { startTestStack }: typeof ForTests;
  const { proxyActivities, ApplicationFailure }: typeof Temporal;
  const { Context, CompleteAsyncError }: typeof Activity;
}
