/** `show --workflow`: the effects of a workflow, and what a reset would do to them. */
import type { ReceiptStore } from '../core';
import type { Fate, ImpactedEffect, ResetImpact } from '../temporal/client';
import { withTemporal } from '../operator';
import { aligned, widthOf, type Part, type Print } from './terminal';

const fateNames: Readonly<Record<Fate, string>> = {
  kept: 'kept',
  replayed: 'replayed',
  rejected: 'rejected',
  waits: 'WAITS',
  refused: 'REFUSED',
  steps: 'by steps',
  mayRun: 'MAY RUN',
  runs: 'RUNS AGAIN',
};

const activityOf = ({ kind, activityType = '', step, action = '' }: ImpactedEffect): string => {
  if (kind === 'unmatched') return action;
  if (kind === 'step') return `  step ${step}`;
  return kind === 'local-activity' ? `${activityType} (local)` : activityType;
};

const rowOf = (effect: ImpactedEffect, predicts: boolean): string[] => [
  effect.kind === 'step' ? '' : String(effect.eventId ?? '-'),
  activityOf(effect),
  effect.state ?? '-',
  ...(predicts ? [effect.fate ? fateNames[effect.fate] : '-', effect.reason ?? ''] : []),
  effect.requestId ?? '-',
];

function tableOf(effects: readonly ImpactedEffect[], predicts: boolean): (readonly Part[])[] {
  const head = [
    'EVENT',
    'ACTIVITY',
    'RECEIPT',
    ...(predicts ? ['AFTER THE RESET', 'WHY'] : []),
    'REQUEST ID',
  ];
  return [...aligned([head, ...effects.map((effect) => rowOf(effect, predicts))], widthOf(process.stdout))];
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((text) => `- ${text}`)];

const shownAtEachEnd = 10;

const eventsOf = (events: readonly number[]): string => {
  const isLong = events.length > shownAtEachEnd * 2 + 1;
  const shown = isLong ? [...events.slice(0, shownAtEachEnd), '…', ...events.slice(-shownAtEachEnd)] : events;
  return shown.join(', ') || 'nothing yet';
};

function linesOf(impact: ResetImpact): (string | readonly Part[])[] {
  const { workflowId, runId, workflowType, resetTo, effects, totals } = impact;
  const predicts = resetTo !== undefined;
  const runs = new Map<string, ImpactedEffect[]>();
  for (const effect of effects) {
    const name = `Workflow ${effect.workflowId}, run ${effect.runId}`;
    runs.set(name, [...(runs.get(name) ?? []), effect]);
  }
  return [
    `${workflowType} ${workflowId}, run ${runId}${predicts ? `, before a reset to event ${resetTo}` : ''}`,
    ...(effects.length === 0 ? ['', 'No activity calls and no receipts.'] : []),
    ...[...runs].flatMap(([name, of]) => ['', name, ...tableOf(of, predicts)]),
    ...(predicts
      ? [
          '',
          Object.entries(fateNames)
            .map(([fate, name]) => `${name} ${totals[fate as Fate]}`)
            .join(', '),
        ]
      : ['', `Can be reset to: ${eventsOf(impact.resettable)}`]),
    ...section('Besides', impact.notes),
    ...section('Not predicted', impact.notPredicted),
  ];
}

/** What is shown of a workflow. */
interface Shown {
  readonly workflowId: string;
  readonly runId: string | undefined;
  readonly resetTo: number | undefined;
  readonly json: boolean;
}

/** @throws what `resetImpact` throws, and what says how to reach Temporal */
export async function showWorkflow(
  receipts: ReceiptStore,
  { json, ...target }: Shown,
  print: Print,
): Promise<true> {
  const impact = await withTemporal((client, { resetImpact }) => resetImpact(client, receipts, target));
  if (json) await print(JSON.stringify(impact));
  else for (const line of linesOf(impact)) await print(...(typeof line === 'string' ? [line] : line));
  return true;
}
