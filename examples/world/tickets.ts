import path from 'node:path';
import { reference, text } from './fields';
import { serve } from './http-service';
import type { Body, Entry } from './http-service';
import { Ledger } from './ledger';
import { announce, endWithParent } from '../parent';

/** A ticket desk: every request opens a ticket, and somebody has to work on it. */
async function main(folder: string): Promise<void> {
  const ledger = await Ledger.open<Entry>(path.join(folder, 'tickets.jsonl'));
  const create = { kind: 'ticket', idPrefix: 'tk', accept } as const;
  const url = await serve([{ path: '/tickets', ledger, create }]);
  announce({ url });
}

function accept(body: Body) {
  return {
    order: text(body, 'order'),
    reason: text(body, 'reason', 50),
    subject: text(body, 'subject'),
    ...reference(body),
  };
}

endWithParent();
void main(process.argv[2] ?? '.');
