/** What happens to request ids, in the log of the worker: what a person should see of it. Never payloads or messages. */
import { asyncLocalStorage } from '@temporalio/activity';
import { Runtime, type Logger } from '@temporalio/worker';

import type { Clock, GuardEvent } from '../../core';

type Level = 'info' | 'warn';

/** What is said of an event; of the others there are too many, and nothing is to be done about them. */
const lines: Partial<Record<GuardEvent['type'], readonly [Level, string]>> = {
  unknown: ['warn', 'it is unknown whether the effect happened'],
  late: ['warn', 'the outcome came too late for its receipt and is kept as evidence'],
  unwritten: ['warn', 'the outcome could not be written, so it becomes unknown with its lease'],
  'lease-lost': ['warn', 'the claim could not be kept while the effect ran'],
  'store-error': ['warn', 'the receipts did not answer'],
  resolved: ['info', 'the outcome was found out'],
};

/** Of what every call meets while the database is away, each kind is said once in this time. */
const quietMs = 10_000;

/** Logs what happens, through the logger of the activity in which it does, else through the worker's own. */
export function eventLog(
  clock: Pick<Clock, 'monotonic'>,
  logger = (): Logger => asyncLocalStorage.getStore()?.log ?? Runtime.instance().logger,
): (event: GuardEvent) => void {
  const storeErrors = new Map<string | undefined, { saidAt: number; unsaid: number }>();
  /** @returns what to say beside it, if anything is to be said */
  const ofStoreError = (by: string | undefined): { readonly unsaid?: number } | undefined => {
    const now = clock.monotonic();
    const known = storeErrors.get(by) ?? { saidAt: -Infinity, unsaid: 0 };
    storeErrors.set(by, known);
    if (now - known.saidAt < quietMs) return void known.unsaid++;
    const { unsaid } = known;
    Object.assign(known, { saidAt: now, unsaid: 0 });
    return unsaid > 0 ? { unsaid } : {};
  };
  return ({ type, requestId, action, by, verdict }) => {
    const line = lines[type];
    const more = type === 'store-error' ? ofStoreError(by) : {};
    if (!line || !more) return;
    const [level, text] = line;
    const about = Object.entries({ requestId, action, by, verdict }).filter(([, value]) => value);
    logger()[level](`activity-guard: ${text}`, { guardEvent: type, ...Object.fromEntries(about), ...more });
  };
}
