/** A guarded method: `node dist/examples/tools/decorator.js`. */
import { Guard } from 'activity-guard';
import { run, withDatabase, type Database } from './database';

/** The mail server's own list of what was sent. */
const sent: number[] = [];

async function main({ receipts }: Database): Promise<void> {
  const guard = new Guard({ receipts });

  class Mailer {
    @guard.wrap({
      action: 'send_invoice',
      requestId: (customer: string, invoice: number) => `${customer}:${invoice}`,
    })
    async sendInvoice(customer: string, invoice: number): Promise<string> {
      sent.push(invoice);
      return `invoice ${invoice} sent to ${customer}`;
    }
  }

  const mailer = new Mailer();
  const invoices = [7, 8];
  for (const call of ['first call', 'retry'])
    for (const invoice of invoices) console.log(`${call}: ${await mailer.sendInvoice('C123', invoice)}`);
  console.log(`effects: ${sent.length}, intents: ${invoices.length}`);
}

run(() => withDatabase(main));
