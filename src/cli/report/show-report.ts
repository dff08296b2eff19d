/** A report as text. */
import { categories, isWrong, type Category } from './classify';
import type { Finding, Report } from './reconcile';

/** Ids shown of each category; `--json` has them all. */
const mostShown = 20;

const titles: Readonly<Record<Category, string>> = {
  confirmed: 'confirmed',
  duplicateBlocked: '  of these: duplicate blocked',
  missing: 'missing at the provider',
  contradiction: 'contradiction',
  uncertain: 'uncertain',
  unrecorded: 'unrecorded',
  duplicate: 'duplicate at the provider',
  notDone: 'not done, and not at the provider',
  pruned: 'pruned: receipt gone, not judged',
};

function atProvider({ succeeded, failed, lines }: Finding): string {
  if (succeeded === 0 && failed === 0) return 'not at the provider';
  const said = [
    ...(succeeded > 0 ? [`${succeeded > 1 ? `${succeeded} times ` : ''}successful`] : []),
    ...(failed > 0 ? [`${failed > 1 ? `${failed} times ` : ''}failed`] : []),
  ].join(' and ');
  return `${said} at the provider (${lines.length > 1 ? 'lines' : 'line'} ${lines.join(', ')})`;
}

const lineOf = (finding: Finding): string => {
  const { requestId, state, note } = finding;
  const words = [state ?? 'no receipt', atProvider(finding), ...(note === undefined ? [] : [note])].join(
    '; ',
  );
  return `  ${requestId === '' ? '(no request id)' : requestId}  ${words}`;
};

const isContested = ({ state }: Finding): boolean => state === 'contested';

/** What to look at, and what the duplicates were that did not happen. */
const isListed = (category: Category): boolean => isWrong(category) || category === 'duplicateBlocked';

/** The report for people: counts of everything, then ids, bounded. */
export function linesOf({ namespace, actions, since, until, receipts, entries, ...rest }: Report): string[] {
  const { entriesLeftOut, findings, isInOrder } = rest;
  const bounds = [...(since ? [`claimed since ${since}`] : []), ...(until ? [`before ${until}`] : [])];
  const about = [`receipts of ${actions.join(', ') || 'no action'}`, ...bounds].join(', ');
  const left = entriesLeftOut > 0 ? ` (${entriesLeftOut} of other actions left out)` : '';
  return [
    `${receipts} ${about}, in namespace ${namespace}; ${entries} entries at the provider${left}`,
    '',
    ...categories.map((category) => `${titles[category].padEnd(34)} ${findings[category].count}`),
    ...categories.filter(isListed).flatMap((category) => {
      const { count, ids } = findings[category];
      if (count === 0) return [];
      const more = count > mostShown ? [`  … and ${count - mostShown} more: --json has all`] : [];
      return ['', `${titles[category].trim()}:`, ...ids.slice(0, mostShown).map(lineOf), ...more];
    }),
    '',
    isInOrder ? 'In order.' : 'Not in order.',
    ...(findings.uncertain.count > 0 || findings.contradiction.ids.some(isContested)
      ? [
          'What is uncertain or contested is resolved by: activity-guard resolve <request id> --committed | --not-committed',
        ]
      : []),
  ];
}
