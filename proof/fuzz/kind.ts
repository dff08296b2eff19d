/** What a kind of case has to say of itself. */
import type fc from 'fast-check';

import type { ExecuteRequest, ExecutionReceipt } from '../../src/guard';
import type { ReceiptStore } from '../../src/core';
import type { Verdict } from './checks';
import type { Speaker } from './speaker';

/** What is fuzzed: all over the same receipts, which are new for each batch of cases. */
export interface World {
  readonly receipts: ReceiptStore;
  readonly guard: { execute<P, R>(request: ExecuteRequest<P, R>): Promise<ExecutionReceipt<R>> };
  /** The HTTP service. */
  readonly service: { fetch(request: Request): Response | Promise<Response> };
  /** The MCP server, by the lines that go to it and come from it. */
  mcp(client: string): Promise<Speaker>;
}

export interface Kind<C = never> {
  readonly name: string;
  /** Out of a hundred cases. */
  readonly share: number;
  /** At least so many of all must have been accepted, and refused: else the cases say nothing. */
  readonly least: { readonly accepted: number; readonly rejected: number };
  readonly cases: fc.Arbitrary<C>;
  /** Cases of one batch that name the same intent would disturb each other; `undefined` for those that cannot. */
  intentOf(one: C): string | undefined;
  /** @throws Broken */
  check(world: World, one: C): Promise<Verdict>;
}

/** A kind whatever its cases are. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the cases of a kind meet only its own check
export type AnyKind = Kind<any>;
