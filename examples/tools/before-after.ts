/** The same retry of an agent without the guard, and with it: `node dist/examples/tools/before-after.js`. */
import { committed, Guard, notCommitted } from 'activity-guard';
import { run, withDatabase, type Database } from './database';

const orders = ['42'];

/** A provider whose first answer gets lost on its way back. */
class Payments {
  readonly charges: string[] = [];

  async charge(order: string): Promise<string> {
    const id = `ch_${this.charges.push(order)}`;
    if (id === 'ch_1') throw new Error('socket hang up');
    return id;
  }

  async find(order: string): Promise<string | undefined> {
    const index = this.charges.indexOf(order);
    return index < 0 ? undefined : `ch_${index + 1}`;
  }
}

/** What loops of agents do: they call again, whatever the error was. */
async function agent(charge: (order: string) => Promise<string>): Promise<void> {
  for (const order of orders)
    for (const call of ['first call', 'retry']) {
      const answer = await charge(order).catch(String);
      console.log(`${call}: ${answer}`);
    }
}

async function main({ receipts }: Database): Promise<void> {
  const before = new Payments();
  await agent((order) => before.charge(order));
  console.log(`without the guard: ${before.charges.length} charges\n`);

  const after = new Payments();
  const guarded = new Guard({ receipts }).wrap(
    {
      action: 'charge',
      requestId: (order: string) => `order:${order}`,
      // Nobody knows what became of the first call: ask the provider before anything else.
      onUnknown: async ({ payload: [order] }) => {
        const found = await after.find(order);
        return found === undefined ? notCommitted() : committed(found);
      },
    },
    (order: string) => after.charge(order),
  );
  await agent(guarded);
  console.log(`effects: ${after.charges.length}, intents: ${orders.length}`);
}

run(() => withDatabase(main));
