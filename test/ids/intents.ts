/** How the workflows of the matrix say which intent a call is: for both versions of their code. */
import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';

import { withRequestId } from 'activity-guard/workflow';
import type { MatrixActivities } from './activities';
import type { Column } from './matrix';

/** The one argument that every workflow has. */
export interface Case {
  readonly column: Column;
  /** The account at the provider. */
  readonly cell: string;
  /** Set only where ids are explicit, so that equal calls and children stay equal where they are derived. */
  readonly scope?: string;
}

const quick = { initialInterval: '200ms', backoffCoefficient: 1 } as const;

export const remote = proxyActivities<MatrixActivities>({ startToCloseTimeout: '5s', retry: quick });
/** Fails at its first failure. */
export const single = proxyActivities<MatrixActivities>({
  startToCloseTimeout: '10s',
  retry: { maximumAttempts: 1 },
});
/** Longer than a row lasts, but not so long that Temporal would give up at once for the workflow's own time-out. */
const never = { initialInterval: '70s', backoffCoefficient: 1 } as const;
export const unretried = proxyActivities<MatrixActivities>({ startToCloseTimeout: '30s', retry: never });
/** For calls that the provider holds back. */
export const patient = proxyActivities<MatrixActivities>({ startToCloseTimeout: '30s', retry: quick });
export const local = proxyLocalActivities<MatrixActivities>({ startToCloseTimeout: '5s', retry: quick });
/** Retried after a timer of the workflow. */
export const backingOff = proxyLocalActivities<MatrixActivities>({
  startToCloseTimeout: '5s',
  localRetryThreshold: '10ms',
  retry: quick,
});
export const unretriedLocal = proxyLocalActivities<MatrixActivities>({
  startToCloseTimeout: '5s',
  localRetryThreshold: '10ms',
  retry: never,
});

/** Runs a call as the intent `name`: only explicit ids use the name. */
export const intend = <T>(
  { column, cell, scope = '' }: Case,
  name: string,
  call: () => Promise<T>,
): Promise<T> => (column === 'explicit' ? withRequestId(`${cell}/${scope}/${name}`, call) : call());

/** The case of a child workflow or a later run, whose intents are others than those here. */
export const within = (c: Case, scope: string): Case => (c.column === 'explicit' ? { ...c, scope } : c);
