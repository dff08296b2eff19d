/** `report FILE`: the receipts against the provider's own export. */
import { command, text } from '../definition';
import { bounds, checkBounds } from '../filters';
import { progress } from '../progress';
import { complain } from '../terminal';
import { UsageError } from '../usage-error';
import { collect, type Collected } from './collect';
import { readExport } from './read-export';
import { reconcile, type Report } from './reconcile';
import { linesOf } from './show-report';

const defaultIds = ['request_id', 'requestId', 'idempotency_key'] as const;

/** What is odd about an export, though it can be read. */
function warningsOf({ receipts, actions, entries }: Report, collected: Collected): string[] {
  const { succeeded, failures } = collected;
  return [
    ...(receipts === 0
      ? [`no receipt of ${actions.join(' or ') || 'any action'} was found; is that its name?`]
      : []),
    ...(succeeded === 0 && entries > 0 && failures.size > 0
      ? [`no entry has a status of --success; there are: ${[...failures].join(', ')}`]
      : []),
  ];
}

export const report = command({
  name: 'report',
  summary: "receipts against the provider's own export, CSV or JSON",
  more: 'Reads the export first, then all receipts of the actions. Changes nothing, and prints ids, never payloads.',
  argument: { name: 'file', says: 'the export; - for standard input', isFile: true },
  options: {
    action: text('NAME', 'receipts of this action'),
    'action-column': text('NAME', 'the export names the action of each entry here'),
    'id-column': text(
      'NAME',
      'where the request id is (request_id, requestId, idempotency_key); metadata.request_id in JSON',
    ),
    'status-column': text('NAME', 'with --success: entries that happened; all of them unless given'),
    success: text('VALUE[,VALUE]', 'the statuses of those'),
    ...bounds,
  },
  examples: [
    'report charges.csv --action charge --status-column status --success succeeded',
    'report export.json --action-column type --id-column metadata.request_id --since 2026-01-01 --json',
  ],
  check: (given) => {
    if (given.action === undefined && given['action-column'] === undefined)
      throw new UsageError('report takes --action, or --action-column where the export names the actions');
    if ((given['status-column'] === undefined) !== (given.success === undefined))
      throw new UsageError('--status-column and --success go together: which values mean that it happened?');
    checkBounds(given);
  },
  run: async ({ receipts, print, given: { json } }, { action, since, until, ...given }, file) => {
    const columns = {
      ...{ id: given['id-column'] === undefined ? defaultIds : [given['id-column']] },
      ...{ status: given['status-column'], action: given['action-column'] },
      success: new Set(given.success?.split(',')),
    };
    const { namespace } = receipts;
    const collected = await collect(readExport(file, columns), { namespace, action });
    const bar = await progress('receipts compared');
    const made = await reconcile(receipts, collected, { action, since, until }, () => bar.add(1)).finally(
      bar.end,
    );
    for (const text of warningsOf(made, collected)) complain(text);
    if (json) await print(JSON.stringify(made));
    else for (const line of linesOf(made)) await print(line);
    return made.isInOrder;
  },
});
