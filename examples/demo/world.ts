import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { HttpClient } from '../../activities/http-client';
import { effectKey } from '../../activities/order';
import type { TicketReason, ToolCall } from '../../activities/order';
import { Child } from './child';
import type { Effect } from './effects';

export interface WorldAddress {
  payments: { url: string };
  tickets: { url: string };
  mail: { url: string; smtpPort: number };
}

/** The providers of one run: three processes with empty ledgers. */
export interface World {
  address: WorldAddress;
  children: readonly Child[];
  effects(): Promise<Effect[]>;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;

export async function startWorld(folder: string): Promise<World> {
  await mkdir(folder, { recursive: true });
  const start = (name: string) =>
    new Child({
      name,
      script: path.resolve(__dirname, `../world/${name}.js`),
      args: [path.join(folder, name)],
      logFile: path.join(folder, `${name}.log`),
    });
  const [payments, tickets, mail] = [start('payments'), start('tickets'), start('mail')];
  const children = [payments, tickets, mail];
  try {
    const address: WorldAddress = {
      payments: await payments.ready(START_TIMEOUT_MS),
      tickets: await tickets.ready(START_TIMEOUT_MS),
      mail: await mail.ready(START_TIMEOUT_MS),
    };
    return { address, children, effects: () => listEffects(address), stop: () => stop(children) };
  } catch (error) {
    await stop(children);
    throw error;
  }
}

async function stop(children: readonly Child[]): Promise<void> {
  await Promise.all(children.map((child) => child.stop()));
}

interface Entry {
  order: string;
  reason: TicketReason;
  seller: string;
}

/** Everything that has happened, as the providers tell it: nobody else is asked. */
async function listEffects({ payments, tickets, mail }: WorldAddress): Promise<Effect[]> {
  const lists = await Promise.all([
    list(payments.url, '/charges', () => ({ tool: 'chargeCard' })),
    list(tickets.url, '/tickets', ({ reason }) => ({ tool: 'openTicket', reason })),
    list(payments.url, '/payouts', ({ seller }) => ({ tool: 'bookPayout', sellerId: seller })),
    list(mail.url, '/messages', () => ({ tool: 'sendConfirmation' })),
  ]);
  return lists.flat();
}

async function list(
  baseUrl: string,
  resource: string,
  toCall: (entry: Entry) => ToolCall,
): Promise<Effect[]> {
  const http = new HttpClient({ baseUrl, userAgent: 'demo' });
  const { data } = await http.get<{ data: Entry[] }>(resource);
  return data.map((entry) => {
    const call = toCall(entry);
    return { tool: call.tool, orderId: entry.order, key: effectKey(entry.order, call) };
  });
}
