/** Which receipts: the options that several commands have. */
import { toMs, type ListFilter } from '../core';
import { shownStates, stateFilter } from '../operator';
import { flag, oneOf, parsed, text, type Given } from './definition';
import { UsageError } from './usage-error';

const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** A time, in the form that stores take. */
function timeOf(value: string, name: string): string {
  const time = isoTime.test(value) ? Date.parse(value) : Date.now() - agoMs(value);
  if (Number.isNaN(time))
    throw new UsageError(
      `${name} takes a time with its zone, such as 2026-01-31T12:00:00Z, a date (UTC), or how long ago, such as 2h`,
    );
  return new Date(time).toISOString();
}

/** NaN where it is no duration. */
function agoMs(value: string): number {
  try {
    // A bare number could be a time of some kind as well.
    return /[a-z]/i.test(value) ? toMs('', value) : NaN;
  } catch {
    return NaN;
  }
}

/** The bounds of a listing. */
export const bounds = {
  since: parsed(
    'TIME',
    'claimed at or after: 2026-01-31T12:00:00Z, a date (UTC), or how long ago (2h)',
    timeOf,
  ),
  until: parsed('TIME', 'claimed before that', timeOf),
};

/** @throws UsageError where nothing can lie between them */
export function checkBounds({ since, until }: Given<typeof bounds>): void {
  if (since !== undefined && until !== undefined && since >= until)
    throw new UsageError('--since is not before --until');
}

/** What a store is asked for. */
export const boundsOf = ({ since, until }: Given<typeof bounds>) => ({
  ...(since === undefined ? {} : { claimedSince: since }),
  ...(until === undefined ? {} : { claimedBefore: until }),
});

/** The options by which receipts are picked. */
export const filters = {
  unresolved: flag('only unknown outcomes'),
  state: oneOf('STATE', 'only these', shownStates),
  action: text('NAME', 'only receipts of this action'),
  workflow: text('ID', 'only what this workflow claimed'),
  ...bounds,
};

/** What a store is asked for. */
export function filterOf({
  unresolved,
  state,
  action,
  workflow,
  ...rest
}: Given<typeof filters>): ListFilter {
  return {
    ...stateFilter(state),
    ...(unresolved ? { unresolved } : {}),
    ...(action === undefined ? {} : { action }),
    ...(workflow === undefined ? {} : { workflowId: workflow }),
    ...boundsOf(rest),
  };
}
