/**
 * Which of several equal calls a call is. Equal calls (same kind, action and arguments) in one scope are told
 * apart by the lowest slot that is neither running nor settled: side by side they are different intents, and
 * a call made again after an open failure is the same intent again.
 */
import { childScope, derivedRequestId } from './request-id';

export type CallKind = 'activity' | 'child';

/** One intended call. `id` is a request id, or for a child workflow its scope. */
export interface Call {
  readonly kind: CallKind;
  readonly action: string;
  readonly hash: string;
  readonly id: string;
  /** When it was first called, in milliseconds since 1970, once it has been. */
  since?: number | undefined;
  /** It goes on by itself when the run that started it has ended. */
  isDetached?: boolean | undefined;
}

/** The most calls that are carried over a continue-as-new: they travel in a header, from run to run. */
const mostCarried = 1000;

interface SlottedCall extends Call {
  readonly slot: number;
}

interface Group {
  /** Slots given out so far in this scope. */
  used: number;
  /** Calls that ended without a final outcome, lowest slot first: the next equal call is one of them again. */
  readonly open: SlottedCall[];
}

const bySlot = (a: SlottedCall, b: SlottedCall): number => a.slot - b.slot;

/** The calls of one workflow run. Deterministic: it depends on nothing but the order of what it is told. */
export class CallTable {
  private readonly groups = new Map<string, Group>();
  private readonly unsettled = new Set<SlottedCall>();

  /** @param carried the calls that were open when the run before this one continued as new; they go first */
  constructor(
    readonly scope: string,
    carried: readonly Call[] = [],
  ) {
    carried.forEach((call, i) => {
      const slotted = { ...call, slot: i - carried.length };
      this.unsettled.add(slotted);
      this.groupOf(call.kind, call.action, call.hash).open.push(slotted);
    });
  }

  /** The intent that a call starting now belongs to. End it with {@link settle} or {@link reopen}. */
  start(kind: CallKind, action: string, hash: string): Call {
    const group = this.groupOf(kind, action, hash);
    const again = group.open.shift();
    if (again) return again;
    const slot = ++group.used;
    const id = (kind === 'activity' ? derivedRequestId : childScope)(this.scope, action, hash, slot);
    const call: SlottedCall = { kind, action, hash, id, slot };
    this.unsettled.add(call);
    return call;
  }

  /** The call has its final outcome: an equal call from now on is a new intent. */
  settle(call: Call): void {
    this.unsettled.delete(call as SlottedCall);
  }

  /** The call ended without a final outcome: the next equal call is this intent again. */
  reopen(call: Call): void {
    call.isDetached = false;
    const { open } = this.groupOf(call.kind, call.action, call.hash);
    open.push(call as SlottedCall);
    open.sort(bySlot);
  }

  /** What a continue-as-new has to carry over: the newest, where there are too many. */
  openCalls(): Call[] {
    return [...this.unsettled]
      .filter(({ isDetached }) => !isDetached)
      .slice(-mostCarried)
      .map(({ kind, action, hash, id, since }) => ({ kind, action, hash, id, since }));
  }

  private groupOf(kind: CallKind, action: string, hash: string): Group {
    const key = `${kind}\0${action}\0${hash}`;
    let group = this.groups.get(key);
    if (!group) this.groups.set(key, (group = { used: 0, open: [] }));
    return group;
  }
}
