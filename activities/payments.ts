import type { HttpClient } from './http-client';

/** As the provider writes it. `reference` is whatever the merchant gave it. */
export interface Charge {
  id: string;
  order: string;
  amount: number;
  currency: string;
  reference?: string;
}

export interface Payout extends Charge {
  seller: string;
}

export interface NewCharge {
  orderId: string;
  amount: number;
  currency: string;
  cardToken: string;
}

export interface NewPayout {
  orderId: string;
  sellerId: string;
  amount: number;
  currency: string;
}

export interface KeyOption {
  /** The merchant's own name for this payment, to find it by later. */
  reference: string | undefined;
}

/** The payments provider's client library, as its maker could have written it. */
export class Payments {
  constructor(private readonly http: HttpClient) {}

  async charge(charge: NewCharge, { reference }: KeyOption): Promise<Charge> {
    const { orderId, cardToken, amount, currency } = charge;
    const body = { order: orderId, source: cardToken, amount, currency, reference };
    return this.http.post<Charge>('/charges', body);
  }

  async findCharge(reference: string): Promise<Charge | undefined> {
    const { data } = await this.http.get<{ data: Charge[] }>('/charges', { reference });
    return data[0];
  }

  async payOut(payout: NewPayout, { reference }: KeyOption): Promise<Payout> {
    const { orderId, sellerId, amount, currency } = payout;
    const body = { order: orderId, seller: sellerId, amount, currency, reference };
    return this.http.post<Payout>('/payouts', body);
  }

  async findPayout(reference: string): Promise<Payout | undefined> {
    const { data } = await this.http.get<{ data: Payout[] }>('/payouts', { reference });
    return data[0];
  }
}
