/** What an effect sees of its claim while it runs. */
import type { GuardedCall, HeldEffect, SettlementOf } from './call';
import { InvalidRequestError, LeaseLostError } from './errors';
import type { Lease } from './leases';
import type { Receipt } from './receipt';

const unencodable = (requestId: string, cause: unknown): InvalidRequestError =>
  new InvalidRequestError(
    `The result of the transaction of request id ${requestId} cannot be encoded, so it was rolled back. Return something the data converter can encode.`,
    { requestId, cause },
  );

export class RunningEffect implements HeldEffect {
  begun = false;
  isDelegated = false;
  /** What the transaction returned, once it has committed. */
  committed: { readonly value: unknown } | undefined;
  readonly requestId: string;
  readonly token: string;
  readonly epoch: number;
  // Really private: whoever prints its claim must not print the payload of the call.
  #inTransaction = false;
  #ended = false;
  /** Made when it is first asked for: most effects never look at it. */
  #signal: AbortSignal | undefined;
  #over: AbortController | undefined;
  readonly #claim: Receipt;
  readonly #lease: Lease;
  readonly #call: GuardedCall;
  readonly #writeDelegation: () => Promise<boolean>;

  constructor(claim: Receipt, lease: Lease, call: GuardedCall, writeDelegation: () => Promise<boolean>) {
    this.requestId = claim.requestId;
    this.token = claim.token;
    this.epoch = claim.epoch;
    this.#claim = claim;
    this.#lease = lease;
    this.#call = call;
    this.#writeDelegation = writeDelegation;
  }

  get signal(): AbortSignal {
    return (this.#signal ??= this.#newSignal());
  }

  #newSignal(): AbortSignal {
    if (this.#ended) return AbortSignal.abort(this.hasEnded());
    this.#over = new AbortController();
    const signals = [this.#over.signal, this.#lease.signal];
    return AbortSignal.any(this.#call.signal ? [...signals, this.#call.signal] : signals);
  }

  // Bound, both of them: who gets a claim takes it apart.
  readonly fence = (): void => {
    if (this.#ended) throw this.hasEnded();
    if (!this.isDelegated) this.#lease.assertHeld();
  };

  /** Whoever still runs behind an effect that has ended must not start or go on: its claim may be given back. */
  end(): void {
    this.#ended = true;
    this.#over?.abort(this.hasEnded());
  }

  readonly delegate = async (): Promise<void> => {
    if (this.#call.transactional)
      throw this.misused('is a transaction, which cannot be completed elsewhere.');
    this.fence();
    if (this.isDelegated) return;
    this.#lease.drop(); // a renewal finds nothing to renew any more, and would take that for a loss
    this.isDelegated = await this.#writeDelegation();
    if (!this.isDelegated) {
      throw new LeaseLostError(
        `The claim on request id ${this.requestId} was lost, so nothing must be handed over. Retry: the claim is looked at again.`,
        { requestId: this.requestId },
      );
    }
  };

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
    if (!this.#call.transactional) {
      throw this.misused(
        'is not transactional, so no transaction was begun. Say guarded({ transactional: true }, fn).',
      );
    }
    if (this.#inTransaction) {
      throw this.misused(
        'is one transaction; the second one was not begun. Do all of its work in the first.',
      );
    }
    this.fence();
    this.#inTransaction = true;
    const { key, token } = this.#claim;
    const value = await transaction(async (result) => {
      const { problem, ...outcome } = await this.#call.codec.encodeResult(result);
      if (problem !== undefined) throw unencodable(this.requestId, problem); // nothing has happened yet
      this.fence();
      return { key, token, outcome };
    });
    this.committed = { value };
    return value;
  }

  private hasEnded(): LeaseLostError {
    return new LeaseLostError(
      `The guarded call of request id ${this.requestId} has ended, so its effect must not start or go on.`,
      { requestId: this.requestId },
    );
  }

  private misused(what: string): InvalidRequestError {
    return new InvalidRequestError(`The effect of request id ${this.requestId} ${what}`, {
      requestId: this.requestId,
    });
  }
}
