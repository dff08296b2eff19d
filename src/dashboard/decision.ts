/** What may be decided about a receipt now, and what a form says that somebody decides. */
import { isFree, isProvisional, isSettled, isTooEarly, isUnresolved, type Outcome } from '../core';
import { readToken, resultOf, type Found } from '../operator';
import type { SeenToken } from '../operator';
import { span } from './html';

/** What somebody can say. */
export const choices = ['committed', 'not-committed', 'compensated', 'supersede'] as const;
export type Choice = (typeof choices)[number];

/** How a choice reads, and what comes of it. */
export const meanings: Readonly<Record<Choice, { readonly label: string; readonly effect: string }>> = {
  committed: {
    label: 'It happened',
    effect:
      'Callers get the result that you give, the one that waits and all later ones. It is not run again.',
  },
  'not-committed': {
    label: 'It did not happen',
    effect: 'The next attempt runs it. If it did happen after all, it happens twice.',
  },
  compensated: {
    label: 'It happened, and has been undone',
    effect: 'Every caller gets a rejection of type Compensated, for good. It is not run again.',
  },
  supersede: {
    label: 'Let it happen once more',
    effect:
      'Closes this receipt, whatever came of it. The next call acts again, as a new generation with an id of its own.',
  },
};

/** A choice, and why it cannot be made now. */
export interface Option {
  readonly choice: Choice;
  readonly whyNot: string | undefined;
}

/** What may be decided; empty where nothing may. The store judges again. */
export function optionsOf(found: Found): Option[] {
  const { receipt } = found;
  const early = isTooEarly(receipt)
    ? `for ${span(openFor(found))} more the effect may still arrive`
    : undefined;
  const can = (choice: Choice, whyNot?: string): Option => ({ choice, whyNot });
  if (isSettled(receipt))
    return [
      ...(isProvisional(receipt) ? [can(receipt.state === 'committed' ? 'committed' : 'compensated')] : []),
      can('supersede'),
    ];
  const happened = [can('committed'), can('compensated')];
  if (isFree(receipt)) return [...happened, can('supersede', early)];
  if (!isUnresolved(receipt) && receipt.state !== 'delegated') return [];
  const saidYes = found.evidence.some(({ verdict }) => verdict === 'committed')
    ? 'a source says that it happened; if that is wrong, let it happen once more instead'
    : undefined;
  const all = [happened[0], can('not-committed', early ?? saidYes), happened[1]];
  return [...all, ...(receipt.state === 'delegated' ? [] : [can('supersede', early)])].flatMap(
    (o) => o ?? [],
  );
}

/** For so long a "no" says nothing yet, in milliseconds. */
export const openFor = ({ receipt }: Found): number =>
  isTooEarly(receipt) ? receipt.leaseRemainingMs + receipt.graceMs : 0;

/** A form as it was sent. */
export interface Draft {
  readonly token: string;
  readonly choice: string;
  readonly result: string;
  readonly reason: string;
}

/** A decision that can be carried out. */
export interface Decision {
  readonly choice: Choice;
  readonly token: SeenToken;
  readonly reason: string;
  readonly outcome: Outcome | undefined;
}

const longestReason = 2000;

/** @returns what is wrong with it, in words, where it is no decision */
export function decisionIn(draft: Draft): Decision | string {
  const choice = choices.find((name) => name === draft.choice);
  const token = readToken(draft.token);
  const reason = draft.reason.trim();
  if (!choice) return 'Say what became of it.';
  if (!token) return 'The form is incomplete. Open the receipt again.';
  if (reason === '') return 'Say why: it is kept for whoever asks later.';
  if (reason.length > longestReason) return `The reason has more than ${longestReason} characters.`;
  if (choice !== 'committed' || draft.result.trim() === '')
    return { choice, token, reason, outcome: undefined };
  const outcome = resultOf(draft.result);
  return outcome ? { choice, token, reason, outcome } : 'The result is not JSON.';
}
