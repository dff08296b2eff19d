/** The provider, as the processes that are killed see it. */
import type { Charge, Point } from './terms';

export class ProviderClient {
  constructor(
    private readonly url: string,
    private readonly requestMs: number,
  ) {}

  /** Each request has an effect, whatever its key, unless the plan says otherwise. */
  charge(intent: string, key: string): Promise<Charge> {
    return this.post('charge', { intent, key }) as Promise<Charge>;
  }

  find(intent: string, key: string): Promise<Charge | null> {
    return this.post('find', { intent, key }) as Promise<Charge | null>;
  }

  /** Says that a call has come to this point; where it is to be stopped there, there is no answer. */
  async at(point: Point, intent: string): Promise<void> {
    await this.post('at', { point, intent });
  }

  private async post(path: string, query: Record<string, string>): Promise<unknown> {
    const response = await fetch(`${this.url}/${path}?${new URLSearchParams(query).toString()}`, {
      method: 'POST',
      signal: AbortSignal.timeout(this.requestMs),
    });
    if (!response.ok) throw new Error(`the provider answered ${response.status}`);
    return response.json();
  }
}
