/** The outcomes that one workflow waits for, and what has been decided of them. */
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { ApplicationFailure, upsertSearchAttributes } from '@temporalio/workflow';

import { verdicts, type AskDetail, type DecidedVerdict, type UnresolvedAttribute } from '../decisions';

/** The argument of the update `resolveOutcome`. */
export type OutcomeDecision = {
  /** As the query `unresolvedOutcomes` tells it. */
  readonly requestId: string;
  /** The epoch that was looked at; the decision is refused if another attempt is in doubt by now. */
  readonly epoch?: number;
  /** Who decides, for the receipts. */
  readonly by?: string;
  /** Why, for the receipts. */
  readonly reason?: string;
} & (
  | {
      /** Somebody has resolved the receipt elsewhere, such as by the command line: look at it again. */
      readonly verdict?: never;
    }
  | {
      /**
       * It happened. `result` is what the activity would have returned, as JSON; `null` for one that returns nothing.
       * Without it the workflow gets a `ResultUnavailable` failure: the effect happened, and nobody knows its result.
       */
      readonly verdict: 'committed';
      readonly result?: unknown;
    }
  | {
      /** It did not happen and will not: the activity runs. Refused until lease and grace time are over. */
      readonly verdict: 'not-committed';
    }
  | {
      /** It happened, and has been undone by hand. */
      readonly verdict: 'compensated';
    }
);

/** What was accepted; the answer of the update. */
export interface AcceptedDecision {
  readonly requestId: string;
  readonly epoch: number;
  readonly verdict: DecidedVerdict | 'look-again';
}

/** One outcome that a workflow waits for; the query `unresolvedOutcomes` answers with a list of them. */
export interface UnresolvedOutcome {
  readonly requestId: string;
  readonly activityType: string;
  /** The epoch of the claim in doubt. */
  readonly epoch: number;
  /** Since when this workflow has waited, as ISO 8601. */
  readonly since: string;
  /** Why an earlier decision did not count. */
  readonly refused?: string;
  /** The decision that was accepted and is being carried out. */
  readonly accepted?: AcceptedDecision['verdict'];
}

/** A call that waits. */
export interface Question extends AskDetail {
  readonly requestId: string;
  readonly activityType: string;
  readonly refused?: string | undefined;
}

/** One outcome in doubt, for which several equal calls may wait. */
export interface Entry extends Question {
  readonly since: number;
  waiting: number;
  decision?: OutcomeDecision;
}

/** Search attributes hold this many characters. */
const mostKeywordLength = 255;

const verdictOf = ({ verdict }: OutcomeDecision): AcceptedDecision['verdict'] => verdict ?? 'look-again';

/** Deterministic: it depends on nothing but the order of what it is told. */
export class Unresolved {
  private readonly entries = new Map<string, Entry>();
  private attribute: UnresolvedAttribute | undefined;
  /** What the search attribute shows. */
  private shown = '';

  /** Waits for a decision from now on; share the entry with the other calls that wait for it. */
  ask(question: Question, now: number): Entry {
    const id = question.requestId.normalize('NFC');
    const there = this.entries.get(id);
    if (there?.epoch === question.epoch) {
      there.waiting++;
      return there;
    }
    // Another attempt is in doubt than the one they wait for: let them see it.
    if (there) there.decision ??= { requestId: there.requestId };
    const entry: Entry = { ...question, since: now, waiting: 1 };
    this.entries.set(id, entry);
    this.attribute ??= question.attribute;
    this.show();
    return entry;
  }

  /** The call waits no more. */
  leave(entry: Entry): void {
    const id = entry.requestId.normalize('NFC');
    if (--entry.waiting > 0 && !entry.decision) return;
    if (this.entries.get(id) === entry) this.entries.delete(id);
  }

  /** Why a decision cannot be accepted: for the validator of the update. */
  validate(decision: unknown): void {
    this.entryFor(decision);
  }

  /** Accepts a decision; the first one counts. */
  decide(decision: OutcomeDecision): AcceptedDecision {
    const entry = this.entryFor(decision);
    entry.decision = decision;
    return { requestId: entry.requestId, epoch: entry.epoch, verdict: verdictOf(decision) };
  }

  list(): UnresolvedOutcome[] {
    return [...this.entries.values()].map(({ requestId, activityType, epoch, since, refused, decision }) => ({
      ...{ requestId, activityType, epoch, since: new Date(since).toISOString() },
      ...(refused === undefined ? {} : { refused }),
      ...(decision && { accepted: verdictOf(decision) }),
    }));
  }

  /** Shows what waits in the search attribute: the types of the activities, for ids can be too long for it. */
  show(): void {
    if (!this.attribute) return;
    const { name, type } = this.attribute;
    const all = [...this.entries.values()].map(({ activityType }) =>
      activityType.slice(0, mostKeywordLength),
    );
    const types = [...new Set(all)].sort();
    const text = JSON.stringify(types);
    if (text === (this.shown || '[]')) return;
    this.shown = text;
    const value = type === 'KEYWORD' ? types[0] : types;
    const pair = { key: { name, type }, value: types.length > 0 ? value : null };
    upsertSearchAttributes([pair as SearchAttributeUpdatePair]);
  }

  private entryFor(decision: unknown): Entry {
    const { requestId, epoch, verdict } = Object(decision) as { [K in keyof OutcomeDecision]?: unknown };
    if (typeof requestId !== 'string') throw refusal('give it one argument, { requestId, verdict, … }');
    const entry = this.entries.get(requestId.normalize('NFC'));
    if (!entry)
      throw refusal('this workflow does not wait for that request id (see the query unresolvedOutcomes)');
    if (verdict !== undefined && !verdicts.includes(verdict as DecidedVerdict))
      throw refusal(`the verdict is one of ${verdicts.join(', ')}, or left out to look again`);
    if (epoch !== undefined && epoch !== entry.epoch)
      throw refusal(`the attempt in doubt is that of epoch ${entry.epoch}; look again before you decide`);
    if (entry.decision) throw refusal(`it has been decided already: ${verdictOf(entry.decision)}`);
    return entry;
  }
}

const refusal = (why: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`resolveOutcome: ${why}.`, 'InvalidRequest');
