/** A payments provider for tests: counts every charge it is asked for, duplicates too. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Charge } from '../fixtures/activities';

interface Booked extends Charge {
  readonly order: string;
  readonly reference: string;
}

export class Provider {
  readonly booked: Booked[] = [];
  /** What happens to a charge after it is booked, in place of an answer. */
  instead: ((order: string, response: ServerResponse) => boolean) | undefined;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Provider> {
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://provider');
      const value = (name: string): string => searchParams.get(name) ?? '';
      const answer =
        pathname === '/charge'
          ? provider.book(value('order'), Number(value('amount')), value('reference'))
          : provider.find(value('reference'));
      if (pathname === '/charge' && provider.instead?.(value('order'), response)) return;
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const provider = new Provider(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return provider;
  }

  /** Effects seen for orders that start with `order`. */
  count(order: string): number {
    return this.booked.filter((b) => b.order.startsWith(order)).length;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private book(order: string, amount: number, reference: string): Charge {
    const charge = { id: `ch_${this.booked.length + 1}`, amount };
    this.booked.push({ ...charge, order, reference });
    return charge;
  }

  private find(reference: string): Charge | null {
    const found = this.booked.find((b) => b.reference === reference);
    return found ? { id: found.id, amount: found.amount } : null;
  }
}
