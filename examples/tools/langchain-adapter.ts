/** A LangChain tool that exists already, guarded from outside: `node dist/examples/tools/langchain-adapter.js`. */
import { StructuredTool } from '@langchain/core/tools';
import { z } from 'zod';

import { Guard } from 'activity-guard';
import { guardTool } from 'activity-guard/langchain';
import { run, withDatabase, type Database } from './database';

/** The provider's own list of what it has paid back. */
const refunds: string[] = [];

/** The tool, as it was before. */
class Refund extends StructuredTool {
  name = 'refund';
  description = 'Pays an order back';
  schema = z.object({ order: z.string(), cents: z.number() });

  protected async _call({ order, cents }: z.infer<typeof this.schema>): Promise<string> {
    return `refunded ${cents} cents as re_${refunds.push(order)}`;
  }
}

async function main({ receipts }: Database): Promise<void> {
  const guard = new Guard({ receipts });
  const refund = guardTool({ guard, requestId: ({ order }) => `refund:${order}` }, new Refund());

  const orders = [
    { order: '42', cents: 500 },
    { order: '43', cents: 700 },
  ];
  for (const call of ['first call', 'retry'])
    for (const order of orders) console.log(`${call}: ${await refund.invoke(order)}`);
  console.log(`effects: ${refunds.length}, intents: ${orders.length}`);
}

run(() => withDatabase(main));
