import type { HttpClient } from './http-client';
import type { TicketReason } from './order';
import type { KeyOption } from './payments';

export interface Ticket {
  id: string;
  order: string;
  reason: string;
  reference?: string;
}

export interface NewTicket {
  orderId: string;
  reason: TicketReason;
  subject: string;
}

/** The ticket desk's client library. */
export class TicketDesk {
  constructor(private readonly http: HttpClient) {}

  async open(ticket: NewTicket, { reference }: KeyOption): Promise<Ticket> {
    const { orderId, reason, subject } = ticket;
    return this.http.post<Ticket>('/tickets', { order: orderId, reason, subject, reference });
  }

  async find(reference: string): Promise<Ticket | undefined> {
    const { data } = await this.http.get<{ data: Ticket[] }>('/tickets', { reference });
    return data[0];
  }
}
