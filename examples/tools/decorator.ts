/** A guarded method: `node dist/examples/tools/decorator.js`. */
import { Guard } from 'activity-guard';
import { run, withDatabase } from './database';

run(() =>
  withDatabase(async ({ receipts }) => {
    const guard = new Guard({ receipts });

    class Mailer {
      sent = 0;

      @guard.wrap({
        action: 'send_invoice',
        requestId: (customer: string, invoice: number) => `${customer}:${invoice}`,
      })
      async sendInvoice(customer: string, invoice: number): Promise<string> {
        this.sent++;
        return `invoice ${invoice} sent to ${customer}`;
      }
    }

    const mailer = new Mailer();
    console.log(`first call: ${await mailer.sendInvoice('C123', 7)}`);
    console.log(`retry:      ${await mailer.sendInvoice('C123', 7)}`);
    console.log(`e-mails sent: ${mailer.sent}`);
  }),
);
