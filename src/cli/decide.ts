/** `resolve` and `supersede`: what a person decides about a receipt. */
import { userInfo } from 'node:os';

import type { Outcome } from '../core';
import {
  readToken,
  resolve as decide,
  resultOf,
  supersede as letHappenAgain,
  textOf,
  tokenOf,
  type Decider,
} from '../operator';
import { command, flag, parsed, text, type Given } from './definition';
import { foundOrTold } from './show';
import { complain } from './terminal';
import { UsageError } from './usage-error';
import { wakeOrTell } from './waking';

const decider = {
  token: parsed('TOKEN', 'as show prints it; it says what you have seen of the receipt', tokenIn),
  reason: text('TEXT', 'why, kept as evidence'),
  by: text('NAME', "who you are (the name of this machine's user)"),
  'no-temporal': flag('wake nobody'),
};

const argument = { name: 'request id', says: 'as it is written, or as sha256:…' };

const whyToken =
  'as `activity-guard show` prints it: it says what you have seen, so that nobody decides on something else';

function tokenIn(value: string, name: string): Decider['token'] {
  const token = readToken(value);
  if (!token) throw new UsageError(`${name} takes a token ${whyToken}`);
  return token;
}

function checkDecider(command: string, { token, reason }: Given<typeof decider>): void {
  if (!reason?.trim()) throw new UsageError(`${command} takes --reason: it is kept for whoever asks later`);
  if (!token) throw new UsageError(`${command} takes --token, ${whyToken}`);
}

/** Complete, once it is checked. */
const deciderOf = ({ token, by = userName(), reason }: Given<typeof decider>): Decider => ({
  ...{ token: token as Decider['token'], by, reason },
});

function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined; // a container's user without a name
  }
}

/** The message says nothing of what was given: it is a payload. */
function resultIn(value: string, name: string): Outcome {
  const outcome = resultOf(value);
  if (!outcome) throw new UsageError(`${name} is not JSON`);
  return outcome;
}

export const resolve = command({
  name: 'resolve',
  summary: 'say what became of an unknown outcome',
  more: 'Takes one of --committed, --not-committed and --compensated. Look it up at the provider first; while any source says that it happened, --not-committed is refused.',
  argument,
  options: {
    committed: flag('it happened'),
    result: parsed('JSON', 'with --committed: what callers get', resultIn),
    'not-committed': flag('it did not; the next attempt runs it'),
    compensated: flag('it happened, and has been undone'),
    ...decider,
  },
  examples: [
    `resolve 'invoice:42' --token 1.unknown.0 --committed --result '{"id":"ch_1"}' --reason 'seen in the console'`,
    "resolve 'invoice:42' --token 1.unknown.0 --not-committed --reason 'no such charge'",
  ],
  check: ({ committed, result, compensated, 'not-committed': notCommitted, ...rest }) => {
    if ([committed, compensated, notCommitted].filter(Boolean).length !== 1)
      throw new UsageError('resolve takes one of --committed, --not-committed and --compensated');
    if (result !== undefined && !committed) throw new UsageError('--result goes with --committed');
    checkDecider('resolve', rest);
  },
  run: async ({ receipts, print, given: { json } }, given, requestId) => {
    const verdict = given.committed ? 'committed' : given.compensated ? 'compensated' : 'not-committed';
    const found = await foundOrTold(receipts, requestId);
    if (!found) return false;
    const decided = await decide(receipts, found, verdict, { ...deciderOf(given), outcome: given.result });
    const { state } = decided.now.receipt;
    const woken = decided.done ? await wakeOrTell(found.receipt, given) : 'none';
    if (json)
      await print(
        JSON.stringify({ requestId, resolved: decided.done, state, token: tokenOf(decided.now), woken }),
      );
    else if (decided.done) await print(`${requestId} is now ${state}.${textOf(woken)}`);
    else complain(`${requestId} was not resolved: ${decided.why}`);
    return decided.done;
  },
});

export const supersede = command({
  name: 'supersede',
  summary: 'let a settled intent happen once more, as a new generation with an id of its own',
  argument,
  options: decider,
  examples: ["supersede 'invoice:42' --token 1.committed.1 --reason 'the customer asked for it again'"],
  check: (given) => checkDecider('supersede', given),
  run: async ({ receipts, print, given: { json } }, given, requestId) => {
    const found = await foundOrTold(receipts, requestId);
    if (!found) return false;
    const decider = deciderOf(given);
    const decided = await letHappenAgain(receipts, found, decider);
    const woken = decided.done ? await wakeOrTell(found.receipt, given) : 'none';
    if (json) await print(JSON.stringify({ requestId, superseded: decided.done, woken }));
    else if (decided.done)
      await print(
        `${requestId} was ${decider.token.seen.state}; the next call starts a new generation.${textOf(woken)}`,
      );
    else complain(`${requestId} was not superseded: ${decided.why}`);
    return decided.done;
  },
});
