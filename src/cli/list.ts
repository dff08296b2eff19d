/** `list`: receipts, newest first. */
import { spoken, type Receipt } from '../core';
import { shown, stateOf } from '../operator';
import { command, wholeNumber, type Context } from './definition';
import { checkBounds, filterOf, filters } from './filters';
import { aligned, shortened, stateIn, type Part } from './terminal';

/** What a row of the table has besides the id, and the spaces between them. */
const actionWidth = 24;
const leastIdWidth = 16;
const narrowest = 40;

/** One line for a program that reads lines: nothing is left out. */
const lineOf = (receipt: Receipt): Part[] => [
  `${receipt.claimedAt}  `,
  stateIn(stateOf(receipt), 9),
  `  ${receipt.action}  ${receipt.requestId}`,
];

/** A table that fits into `width`. */
export function tableOf(receipts: readonly Receipt[], width: number): readonly (readonly Part[])[] {
  const rows = receipts.map((receipt) => [
    spoken(receipt.ageMs),
    stateOf(receipt),
    receipt.policy,
    shortened(receipt.action, actionWidth),
  ]);
  const head = ['AGE', 'STATE', 'POLICY', 'ACTION'];
  const before = head.reduce((sum, title, i) => {
    return sum + Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)) + 2;
  }, 0);
  const idWidth = Math.max(Math.max(width, narrowest) - before, leastIdWidth);
  const bold = (text: string): Part => ({ text, color: 'bold' });
  return aligned([
    [...head, 'REQUEST ID'].map(bold),
    ...receipts.map(({ requestId }, i): Part[] => {
      const [age = '', state = '', policy = '', action = ''] = rows[i] ?? [];
      return [age, stateIn(state), policy, action, shortened(requestId, idWidth)];
    }),
  ]);
}

/** @param columns of the terminal; `undefined` where it is none */
async function print(
  { print, given: { json } }: Context,
  receipts: readonly Receipt[],
  columns: number | undefined,
): Promise<void> {
  if (json) return print(JSON.stringify(receipts.map(shown)));
  if (columns === undefined) for (const receipt of receipts) await print(...lineOf(receipt));
  else if (receipts.length === 0) await print('No receipts.');
  else for (const row of tableOf(receipts, columns)) await print(...row);
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
    const receipts = await context.receipts.list({ ...filterOf(filter), limit });
    const { isTTY, columns } = process.stdout;
    await print(context, receipts, isTTY ? columns : undefined);
    return true;
  },
});
