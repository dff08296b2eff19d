/** `report FILE`: the receipts against the provider's own export. */
import { collect, type Collected } from './collect';
import { readExport } from './read-export';
import { reconcile, type Receipts, type Report } from './reconcile';
import { timeOf, type ReportValues } from './report-options';
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

/**
 * Reads the export first: nothing is asked of the receipts where it cannot be read.
 * @returns whether everything is in order
 * @throws UsageError which line and column of the export is wrong
 */
export async function report(
  receipts: Receipts,
  { file, values }: { readonly file: string; readonly values: ReportValues & { readonly json: boolean } },
  print: (line: string) => void,
): Promise<boolean> {
  const { action, 'id-column': id, 'status-column': status, 'action-column': actionColumn } = values;
  const columns = {
    ...{ id: id === undefined ? defaultIds : [id], status, action: actionColumn },
    success: new Set(values.success?.split(',')),
  };
  const { namespace } = receipts;
  const collected = await collect(readExport(file, columns), { namespace, action });
  const bounds = { since: timeOf('--since', values.since), until: timeOf('--until', values.until) };
  const made = await reconcile(receipts, collected, { action, ...bounds });
  for (const text of warningsOf(made, collected)) process.stderr.write(`activity-guard: ${text}\n`);
  if (values.json) print(JSON.stringify(made));
  else linesOf(made).forEach(print);
  return made.isInOrder;
}
