/** Having whoever waits go on, for the commands that decide. */
import type { Receipt } from '../core';
import { wake, type Woken } from '../operator';
import { complain } from './terminal';

/** Says where somebody perhaps waits, and could not be told. */
export const wakeOrTell = (receipt: Receipt, given: { readonly 'no-temporal': boolean }): Promise<Woken> =>
  wake(receipt, given, (why) => {
    complain(`nobody was woken: ${why}`);
    complain('The decision counts. An activity that waits for it goes on with its next retry.');
  });
