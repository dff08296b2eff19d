import { tenantedSchema } from '../support/granted';
import { scratchSchema } from '../support/scratch-schema';
import { describeClaims } from './claims';
import { describeReceiptStore } from './receipt-store';
import { expecting, together } from './together';

describeReceiptStore('Postgres through pg, by tenants', () => tenantedSchema());
describeReceiptStore('Postgres through pg, many calls together', () => together(scratchSchema()));

// Two guesses of what a claim finds; a wrong one costs a statement, and nothing else.
for (const what of ['new ids', 'settled ids'] as const) {
  const name = `Postgres through pg, expecting ${what}`;
  describeClaims(name, () => expecting(what, scratchSchema()));
  describeClaims(`${name}, many calls together`, async () => together(expecting(what, scratchSchema())));
}
