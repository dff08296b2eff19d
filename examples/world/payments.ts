import path from 'node:path';
import { money, reference, text } from './fields';
import { Refusal, serve } from './http-service';
import type { Body, Entry } from './http-service';
import { Ledger } from './ledger';
import { announce, endWithParent } from '../parent';

/**
 * A payments provider: takes charges and payouts over HTTP and writes them into its ledger. Two
 * equal requests are two payments, as with every real provider that gets no idempotency key.
 */
async function main(folder: string): Promise<void> {
  const charges = await Ledger.open<Entry>(path.join(folder, 'charges.jsonl'));
  const payouts = await Ledger.open<Entry>(path.join(folder, 'payouts.jsonl'));
  const url = await serve([
    {
      path: '/charges',
      ledger: charges,
      create: { kind: 'charge', idPrefix: 'ch', accept: acceptCharge },
    },
    {
      path: '/payouts',
      ledger: payouts,
      create: { kind: 'payout', idPrefix: 'po', accept: acceptPayout },
    },
  ]);
  announce({ url });
}

function acceptCharge(body: Body) {
  const charge = { order: text(body, 'order'), ...money(body), ...reference(body) };
  if (text(body, 'source').startsWith('tok_declined')) {
    throw new Refusal(402, 'card_declined', 'the card was declined');
  }
  return charge;
}

function acceptPayout(body: Body) {
  const seller = text(body, 'seller');
  return { order: text(body, 'order'), seller, ...money(body), ...reference(body) };
}

endWithParent();
void main(process.argv[2] ?? '.');
