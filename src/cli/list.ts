/** `list`: receipts, newest first. */
import { spoken, type Receipt } from '../core';
import { shown, stateOf } from '../operator';
import { command, wholeNumber, type Context } from './definition';
import { checkBounds, filterOf, filters } from './filters';
import { aligned, shortened, stateIn, widthOf, type Part } from './terminal';

const actionWidth = 24;

/** One line for a program that reads lines: nothing is left out. */
const lineOf = (receipt: Receipt): Part[] => [
  `${receipt.claimedAt}  `,
  stateIn(stateOf(receipt), 9),
  `  ${receipt.action}  ${receipt.requestId}`,
];

/** A table that fits into `width`. */
export function tableOf(receipts: readonly Receipt[], width: number): readonly (readonly Part[])[] {
  const head = ['AGE', 'STATE', 'POLICY', 'ACTION', 'REQUEST ID'].map(
    (text): Part => ({ text, color: 'bold' }),
  );
  const rows = receipts.map((receipt): Part[] => [
    spoken(receipt.ageMs),
    stateIn(stateOf(receipt)),
    receipt.policy,
    shortened(receipt.action, actionWidth),
    receipt.requestId,
  ]);
  return aligned([head, ...rows], width);
}

/** @param width of the terminal; `undefined` where it is none */
async function print(
  { print, given: { json } }: Context,
  receipts: readonly Receipt[],
  width: number | undefined,
): Promise<void> {
  if (json) return print(JSON.stringify(receipts.map(shown)));
  if (width === undefined) for (const receipt of receipts) await print(...lineOf(receipt));
  else if (receipts.length === 0) await print('No receipts.');
  else for (const row of tableOf(receipts, width)) await print(...row);
}

export const list = command({
  name: 'list',
  summary: 'receipts, newest first',
  more: 'On a terminal as a table that fits it, with ids shortened in the middle; else one line for each: time of the first claim, state, action, request id.',
  options: {
    ...filters,
    limit: wholeNumber('N', 'at most N rows (100)', { least: 1, most: 100_000, otherwise: 100 }),
  },
  examples: [
    'list --unresolved',
    'list --state contested --json',
    'list --action chargeCard --since 2h',
    'list --workflow order-42',
  ],
  check: checkBounds,
  run: async (context, { limit, ...filter }) => {
    const receipts = await context.receipts.list({
      ...filterOf(filter),
      // JSON tells how large they are.
      ...{ omitOutcomes: !context.given.json, limit },
    });
    await print(context, receipts, widthOf(process.stdout));
    return true;
  },
});
