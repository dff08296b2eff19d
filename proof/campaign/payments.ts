/** How workers and callers reach the provider: one attempt on the wire for each effect. */
import { setTimeout as delay } from 'node:timers/promises';

import { committed, NotCommittedError, notCommitted, RejectedError, type ProbeResult } from 'activity-guard';
import { sharedClock, times, type Charge, type ChargeRequest } from './terms';

/** What an effect has of its claim. */
interface Claim {
  readonly requestId: string;
  readonly epoch: number;
  readonly token: string;
  fence(): void;
}

export class Payments {
  constructor(private readonly url: string) {}

  async charge(
    { requestId, epoch, token, fence }: Claim,
    intent: string,
    { isKeyed = false } = {},
  ): Promise<Charge> {
    await delay(Math.random() * times.mostWorkMs);
    const sentAt = sharedClock(); // before the check: what is sent late after it is refused
    fence();
    const request: ChargeRequest = { intent, requestId, epoch, token, isKeyed, sentAt };
    const response = await this.ask('/charge', request);
    if (response.ok) return (await response.json()) as Charge;
    if (response.status === 402) throw new RejectedError('declined', { type: 'Declined' });
    if (response.status === 429 || response.status === 410)
      throw new NotCommittedError(`refused with ${response.status}`);
    throw new Error(`the provider answered ${response.status}`);
  }

  async find(requestId: string): Promise<Charge | null> {
    const response = await this.ask('/find', { requestId });
    if (!response.ok) throw new Error(`the provider answered ${response.status}`);
    return (await response.json()) as Charge | null;
  }

  readonly probe = async ({ requestId }: { readonly requestId: string }): Promise<ProbeResult<Charge>> => {
    const found = await this.find(requestId);
    return found ? committed(found) : notCommitted();
  };

  private ask(path: string, body: object): Promise<Response> {
    return fetch(this.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(times.answerMs),
    });
  }
}
