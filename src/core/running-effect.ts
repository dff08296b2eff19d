/** What an effect sees of its claim while it runs. */
import type { GuardedCall, HeldEffect, SettlementOf } from './call';
import { InvalidRequestError, LeaseLostError } from './errors';
import type { Lease } from './leases';
import type { Receipt } from './receipt';

export class RunningEffect implements HeldEffect {
  begun = false;
  /** Whoever still runs behind an effect that has ended must not start or go on: its claim may be given back. */
  ended = false;
  /** What the transaction returned, once it has committed. */
  committed: { readonly value: unknown } | undefined;
  readonly requestId: string;
  readonly token: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
  private inTransaction = false;

  constructor(
    private readonly claim: Receipt,
    private readonly lease: Lease,
    private readonly call: GuardedCall,
  ) {
    ({ requestId: this.requestId, token: this.token, epoch: this.epoch } = claim);
    this.signal = call.signal ? AbortSignal.any([lease.signal, call.signal]) : lease.signal;
  }

  fence(): void {
    if (this.ended) {
      throw new LeaseLostError(
        `The guarded call of request id ${this.requestId} has ended, so its effect must not start or go on.`,
        { requestId: this.requestId },
      );
    }
    this.lease.assertHeld();
  }

  begin(): void {
    if (this.begun) {
      throw this.misused(
        'was started twice under one claim; the second start was refused. An interceptor that retries inside the guard does this: leave retries to the caller.',
      );
    }
    this.fence();
    this.begun = true;
  }

  async commit<T>(transaction: (settlementOf: SettlementOf) => Promise<T>): Promise<T> {
    if (!this.call.transactional) {
      throw this.misused(
        'is not transactional, so no transaction was begun. Say guarded({ transactional: true }, fn).',
      );
    }
    if (this.inTransaction) {
      throw this.misused(
        'is one transaction; the second one was not begun. Do all of its work in the first.',
      );
    }
    this.fence();
    this.inTransaction = true;
    const { key, token } = this.claim;
    const value = await transaction(async (result) => {
      const outcome = await this.call.codec.encodeResult(result);
      this.fence();
      return { key, token, outcome };
    });
    this.committed = { value };
    return value;
  }

  private misused(what: string): InvalidRequestError {
    return new InvalidRequestError(`The effect of request id ${this.requestId} ${what}`, {
      requestId: this.requestId,
    });
  }
}
