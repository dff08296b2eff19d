/** Mutations of calls that go together, of what is kept here for a moment, and of who is woken. */
import { inFile } from './mutation';

const coalescer = 'src/stores/postgres/coalescer.ts';

const calls = [
  ...inFile(
    coalescer,
    ['unit/coalescer'],
    [
      [8, 'two statements are under way at most', 'const lanes = 2;', 'const lanes = 3;'],
      [8, 'a statement has 256 calls at most', 'const mostTogether = 256;', 'const mostTogether = 512;'],
      [
        8,
        'a statement has a megabyte at most',
        'mostBytesTogether = 1_000_000',
        'mostBytesTogether = Infinity',
      ],
      [8, 'a call that is larger than a statement goes alone', 'count > 0 && !first', '!first'],
      [8, 'a queue that is full takes no more', 'const mostWaiting = 20_000;', 'const mostWaiting = 20_001;'],
      [
        8,
        'what waits longest goes first',
        'this.waiting = this.waiting.slice(count);',
        'this.waiting.splice(-count);',
      ],
      [6, 'a call that shares with no other waits for its turn', 'if (first && !sending.shares) break;', ''],
      [8, 'a few calls go in one statement', 'const enoughForOne = 16;', 'const enoughForOne = 1;'],
      [
        8,
        'many calls are divided among statements',
        'Math.max(enoughForOne, share)',
        'Math.max(mostTogether, share)',
      ],
      [
        8,
        'calls are divided among the statements that are free',
        'this.waiting.length / (lanes - this.underWay)',
        'this.waiting.length / lanes',
      ],
      [
        8,
        'what waits goes once a statement has ended',
        'this.underWay--;\n      this.schedule();',
        'this.underWay--;',
      ],
      [8, 'what is refused for good fails alone', 'if (!isFinal(error)) {', 'if (error) {'],
      [8, 'what passes is not sent again call by call', 'if (!isFinal(error)) {', 'if (!error) {'],
      [2, 'calls that many leaves out are sent one by one', 'await this.sendOneByOne(rest);', ''],
      [8, 'calls that many has answered are not sent again', 'return answer === undefined;', 'return true;'],
      [
        8,
        'who shares a call that fails hears of it',
        '(error: unknown) => tell(call, ({ reject }) => reject(error)),',
        '(error: unknown) => call.reject(error),',
      ],
      [
        8,
        'who shares a call that fails among others hears of it',
        'for (const call of calls) tell(call, ({ reject }) => reject(error));',
        'for (const call of calls) call.reject(error);',
      ],
      [
        8,
        'who shares a call has its answer',
        '(answer) => tell(call, ({ resolve }) => resolve(answer)),',
        '(answer) => call.resolve(answer),',
      ],
      [
        8,
        'who shares a call among others has its answer',
        'if (answer !== undefined) tell(call, ({ resolve }) => resolve(answer));',
        'if (answer !== undefined) call.resolve(answer);',
      ],
    ],
  ),
  ...inFile(
    'src/stores/postgres/together.ts',
    ['pg/together'],
    [
      [
        8,
        'claims of one id share a statement',
        'readonly shares = true;',
        'readonly shares: boolean = false;',
      ],
      [
        6,
        'settlements of one id are asked one after the other',
        'readonly shares = false;',
        'readonly shares: boolean = true;',
      ],
    ],
  ),
  ...inFile(
    'src/stores/postgres/together.ts',
    ['pg/together'],
    [
      [
        8,
        'a claim that was guessed wrong is asked for in full',
        '!row && tries < mostClaimTries',
        '!row && this.found >= rarely && tries < mostClaimTries',
      ],
      [
        8,
        'of many claims those that were guessed wrong are asked for in full, together',
        'if (rows.length < requests.length) {',
        'if (rows.length < 0) {',
      ],
      [8, 'a store learns what its claims find', 'this.found += weight *', 'weight *'],
    ],
    { named: 'claims (that expect|learn)' },
  ),
  ...inFile(
    'src/stores/postgres/parameters.ts',
    ['pg/together'],
    [
      [2, 'quotes in a list are escaped', '/["\\\\]/g', '/[\\\\]/g'],
      [2, 'backslashes in a list are escaped', '/["\\\\]/g', '/["]/g'],
      [
        2,
        'each settlement has its own bytes',
        '(start += outcome.bytes.length) - outcome.bytes.length',
        'start',
      ],
    ],
    { named: 'any text and any bytes' },
  ),
];

const justSettled = [
  ...inFile(
    'src/stores/postgres/store.ts',
    ['pg/together'],
    [
      [2, 'what was superseded is no longer kept', 'this.justSettled.forget(key);', ''],
      [2, 'what was pruned is no longer kept', '.finally(() => this.justSettled.forgetAll())', ''],
      [8, 'what was settled here needs no statement', 'if (known) return Promise.resolve(known);', ''],
    ],
    { named: 'settled here' },
  ),
  ...inFile(
    'src/stores/postgres/just-settled.ts',
    ['pg/together'],
    [
      [2, 'what was settled is kept for a second', 'const keptMs = 1000;', 'const keptMs = 60_000;'],
      [8, 'what is large is not kept', 'const largestKept = 4096;', 'const largestKept = Infinity;'],
      [3, 'what is not final yet is not kept', ' || claim.request.finality', ''],
      [2, 'what had been resolved before is not kept', 'settledMs === null || ', ''],
    ],
    { named: 'settled here' },
  ),
  ...inFile(
    'src/stores/postgres/just-settled.ts',
    ['unit/just-settled'],
    [
      [8, 'only so many are kept', 'this.kept.size === mostKept', 'this.kept.size < 0'],
      [2, 'what is over is not found', 'systemClock.monotonic() < found.until', 'found.until'],
    ],
  ),
  ...inFile(
    'src/stores/postgres/rows.ts',
    ['pg/together'],
    [
      [
        6,
        'what is kept is what the row says: its epoch',
        '{ ...receipt, epoch, outcome,',
        '{ ...receipt, outcome,',
      ],
    ],
    { named: 'settled here' },
  ),
  ...inFile(
    'src/stores/postgres/rows.ts',
    ['unit/just-settled'],
    [[2, 'what is kept has the time of its own settlement', 'if (at !== last.at)', "if (last.iso === '')"]],
  ),
];

const waiting = [
  ...inFile(
    'src/core/effect.ts',
    ['unit/core-waiting'],
    [[8, 'who waits hears of the end', 'state.ends.tell(request.key);', '']],
  ),
  ...inFile(
    'src/core/ends.ts',
    ['unit/core-waiting'],
    [
      [8, 'a waiter that is woken leaves no timer', '        cancel();\n', ''],
      [8, 'a waiter that is woken listens no more', "signal?.removeEventListener('abort', wake);", ''],
      [8, 'a waiter hears of its own end', "signal?.addEventListener('abort', wake);", ''],
      [8, 'a waiter that is cancelled already does not wait', 'if (signal?.aborted) return resolve();', ''],
      [
        8,
        'a waiter waits no longer than it may',
        'this.clock.after(ms, wake)',
        'this.clock.after(1e9, wake)',
      ],
      [8, 'a key is forgotten with its last waiter', 'this.waiting.delete(key);', ''],
    ],
  ),
  ...inFile(
    'src/core/in-time.ts',
    ['unit/core-waiting'],
    [
      [8, 'an answer cancels its timer', '(value) => {\n        cancel();', '(value) => {'],
      [8, 'a failure cancels its timer', '(error: Error) => {\n        cancel();', '(error: Error) => {'],
    ],
  ),
];

export const together = [...calls, ...justSettled, ...waiting];
