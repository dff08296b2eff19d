/** The token of a claim as a client has it: with the epoch it speaks of. */
import type { Receipt } from '../core';

const form = /^([1-9]\d{0,8})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** As it is handed out. */
export const writtenToken = ({ token, epoch }: Pick<Receipt, 'token' | 'epoch'>): string =>
  `${epoch}.${token}`;

/** What a client has brought; `undefined` where it is none. */
export function tokenIn(text: string): Pick<Receipt, 'token' | 'epoch'> | undefined {
  const [, epoch, token] = form.exec(text) ?? [];
  return token === undefined ? undefined : { token, epoch: Number(epoch) };
}
