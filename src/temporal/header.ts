/**
 * The header that carries identity from the workflow to its activities, children and next runs. Headers bypass
 * payload codecs and stand in clear in history, so they hold hashes and run ids, never what a user wrote.
 * Imports nothing but types: the workflow sandbox reads it too.
 */
import type { Call } from '../ids';

/** The name of the header. */
export const headerName = 'activity-guard';

/** The name of the header of a Nexus operation: its value is the scope that the caller gives it. */
export const nexusHeaderName = 'activity-guard-scope';

/**
 * Why no id could be derived: the guarded activity refuses, and says what to do. What is started by a workflow that has
 * a problem has it, too: by itself it would be another intent whenever its parent runs again.
 */
export type IdentityProblem = 'arguments' | 'start-arguments' | 'cron-with-retry';

/** On a scheduled activity: which intent the call belongs to. */
export type CallHeader = CallAge &
  (
    | { readonly id: string }
    /** An explicit id, by its hash. */
    | { readonly idHash: string }
    | { readonly problem: IdentityProblem }
  );

/** How old the intent may be, and what its arguments are told apart by. */
export interface CallAge {
  /** The call is made again after a failure that left it open: when it was first made, in milliseconds since 1970. */
  readonly since?: number | undefined;
  /** The run repeats this earlier one (a reset, a workflow retry), or is a child or a successor of one that does. */
  readonly rerunOf?: string | undefined;
  /** When that earlier run began, in milliseconds since 1970, where its id does not tell. */
  readonly rerunAt?: number | undefined;
  /** The hash of the fingerprint that the workflow gave; the arguments themselves may change in every run. */
  readonly print?: string | undefined;
  /** The call undoes the effect of another one: the hash of that one's request id. */
  readonly undoes?: string | undefined;
}

/** Of what a workflow said of a call whatever could be read. */
export type ReadCallHeader = Partial<CallAge & { id: string; idHash: string; problem: IdentityProblem }>;

/** On what is started by a workflow whose calls have no ids. */
export interface ProblemHeader {
  readonly problem: IdentityProblem;
}

/** On a started child workflow, or on the next run after a continue-as-new. */
export interface ScopeHeader extends Pick<CallAge, 'rerunOf' | 'rerunAt'> {
  readonly scope: string;
  /** The run that continued as new: the header also outlives it, on retries of the run it was meant for. */
  readonly from?: string;
  /** The calls that were open then. */
  readonly open?: readonly Call[];
}

type Header = CallHeader | ScopeHeader | ProblemHeader;

/** What a workflow is started with, as far as it can be read. */
export type StartHeader = Partial<ScopeHeader & ProblemHeader>;

interface HeaderPayload {
  readonly metadata?: Readonly<Record<string, Uint8Array>> | null;
  readonly data?: Uint8Array | null;
}

const written = new WeakSet<object>();

/** The header as a plain JSON payload, whatever converter the worker uses. */
export function writeHeader(value: Header): { metadata: Record<string, Uint8Array>; data: Uint8Array } {
  const payload = {
    metadata: { encoding: new TextEncoder().encode('json/plain') },
    data: new TextEncoder().encode(JSON.stringify(value)),
  };
  written.add(payload);
  return payload;
}

/** Whether a header was written here, and not copied from what the workflow was started with. */
export const isWritten = (headers: Readonly<Record<string, object>>): boolean =>
  written.has(headers[headerName] ?? {});

/** The header of `headers`, or `undefined` where there is none that can be read. */
export function readHeader<T extends Header | StartHeader>(
  headers: Readonly<Record<string, HeaderPayload>>,
): Partial<T> | undefined {
  const data = headers[headerName]?.data;
  if (!data) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The `type` of the innermost cause of a stored rejection; its first detail is the request id. */
export const rejectedMark = 'ActivityGuardRejected';
