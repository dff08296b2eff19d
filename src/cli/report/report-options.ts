/** The options of `report`. */
import { UsageError } from '../usage-error';

/** As `parseArgs` takes them. */
export const reportOptions = {
  action: { type: 'string' },
  'action-column': { type: 'string' },
  'id-column': { type: 'string' },
  'status-column': { type: 'string' },
  success: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
} as const;

type Name = keyof typeof reportOptions;

/** Their values, as they were given. */
export type ReportValues = { readonly [K in Name]?: string | undefined };

/** For people. */
export const reportUsage = `                            --action NAME                 receipts of this action
                            --action-column NAME          the export names the action of each entry here
                            --id-column NAME              where the request id is (request_id, requestId,
                                                          idempotency_key); metadata.request_id in JSON
                            --status-column NAME --success VALUE[,VALUE]
                                                          entries that happened; all of them unless given
                            --since TIME --until TIME     receipts claimed then, such as 2026-01-31T12:00:00Z;
                                                          a date alone begins at midnight UTC
`;

const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** A time of an option in the form that stores take. */
export function timeOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = isoTime.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time))
    throw new UsageError(
      `${option} takes a time with its zone, such as 2026-01-31T12:00:00Z, or a date (UTC)`,
    );
  return new Date(time).toISOString();
}

/** @throws UsageError naming what is wrong */
export function checkReport(command: string, values: ReportValues): void {
  const names = Object.keys(reportOptions) as Name[];
  const given = names.find((name) => values[name] !== undefined);
  if (command !== 'report') {
    if (given !== undefined) throw new UsageError(`--${given} goes with report`);
    return;
  }
  const empty = names.find((name) => values[name] === '');
  if (empty !== undefined) throw new UsageError(`--${empty} takes a value`);
  if (values.action === undefined && values['action-column'] === undefined)
    throw new UsageError('report takes --action, or --action-column where the export names the actions');
  if ((values['status-column'] === undefined) !== (values.success === undefined))
    throw new UsageError('--status-column and --success go together: which values mean that it happened?');
  const since = timeOf('--since', values.since);
  const until = timeOf('--until', values.until);
  if (since !== undefined && until !== undefined && since >= until)
    throw new UsageError('--since is not before --until');
}
