/** Mutations of one guarded call: from its claim to its receipt. */
import { inFile } from './mutation';

const [answers, unknown, holding, faults, protocol] = [
  'unit/core-engine-answers',
  'unit/core-engine-unknown',
  'unit/core-engine-holding',
  'unit/core-engine-faults',
  'unit/core-engine-protocol',
];
const claimed =
  "{ ...state.request, state: 'claimed', epoch: 1, doubt: false, leaseRemainingMs: 1000, ageMs: 0 }";

export const calls = [
  ...inFile(
    'src/core/engine.ts',
    [faults],
    [
      [
        1,
        'without the receipts the effect does not run',
        '() => store.claim(state.request));',
        `() => store.claim(state.request)).catch(() => (${claimed} as unknown as Receipt));`,
      ],

      [8, 'a claim in doubt is given back', 'if (state.claimInDoubt) void this.giveBack(state);', ''],
      [
        8,
        'a take-over in doubt is given back',
        'state.claimInDoubt = true;\n  const taken',
        "state.claimInDoubt = state.request.token.endsWith('none');\n  const taken",
      ],
      [
        8,
        'a take-over that found nothing to take over may be ours all the same',
        'state.claimInDoubt = taken === undefined;',
        'state.claimInDoubt = false;',
      ],
      [
        1,
        'the own deadline counts from before the claim was asked for',
        'return await runEffect(state, receipt, asked)',
        'return await runEffect(state, receipt, state.keeper.now())',
      ],
      [
        1,
        'the own deadline counts from before the take-over was asked for',
        'taken && runEffect(state, taken, asked)',
        'taken && runEffect(state, taken, state.keeper.now())',
      ],
    ],
  ),
  ...inFile(
    'src/core/engine.ts',
    [answers],
    [
      [
        8,
        'a call waits no longer than it may',
        'clock.monotonic() + step.waitMs > state.waitUntil || call.signal?.aborted',
        'call.signal?.aborted',
      ],
    ],
  ),
  ...inFile(
    'src/core/call-state.ts',
    [answers],
    [
      [
        2,
        'receipts of different namespaces never meet',
        'key: receiptKey(env.store.namespace, call.requestIdHash)',
        "key: receiptKey('', call.requestIdHash)",
      ],
    ],
  ),
  ...inFile(
    'src/core/engine.ts',
    [unknown],
    [
      [
        4,
        'what happens to an id is told: unknown and in flight',
        "if (answer !== before && (answer === 'in-flight' || answer === 'unknown')) state.emit(answer);",
        '',
      ],
    ],
  ),
  ...inFile(
    'src/core/engine.ts',
    [protocol],
    [
      [
        1,
        'a generation counts only as far as it was asked for',
        'generation < (call.generation ?? 1)',
        'generation <= (call.generation ?? 1)',
      ],
      [
        2,
        'a generation has an id of its own',
        'const next = generationId({ requestId, requestIdHash }, generation);',
        'const next = { requestId, requestIdHash };',
      ],
      [
        1,
        'generations end somewhere',
        'if (generation > mostGenerations) {',
        'if (generation > mostGenerations + 1) {',
      ],
    ],
  ),
  ...inFile(
    'src/core/call-state.ts',
    ['pg/failover'],
    [
      [
        4,
        'a transaction that a failover lost did not happen',
        'transactional ? undefined : call.mayBeOlderMs',
        'call.mayBeOlderMs',
      ],
    ],
  ),
  ...inFile(
    'src/core/effect.ts',
    [answers, holding],
    [
      [
        3,
        'a holder that never started its effect leaves no receipt',
        'if (!effect.begun) {\n    // An inner',
        'if (!claim) {\n    // An inner',
      ],
      [
        8,
        'a holder that never started its effect releases its claim',
        "if (!effect.begun) return 'not-committed';",
        '',
      ],
      [
        3,
        'in doubt, not committed says nothing of the earlier attempt',
        'says nothing of the first.\n      if (claim.doubt) throw unknownAfter(state, claim, thrown);',
        'says nothing of the first.',
      ],
      [
        3,
        'a rejection that could not be written is no outcome: it was too late',
        "case 'written':",
        "case 'written':\n    case 'late':",
      ],
      [3, 'a rejection in doubt is no outcome', "case 'written':", "case 'written':\n    case 'unknown':"],
      [
        3,
        'a rejection that could not be kept is no outcome',
        'if (encoded.problem !== undefined) throw await leaveUnknown(state, claim, thrown);',
        "if (encoded.problem !== undefined) return { kind: 'rejected', error: thrown, replayed: false, key, requestId };",
      ],
      [
        8,
        'the lease is renewed at most until the attempt ends',
        'renewUntil: Math.min(call.deadline + marginMs, asked.monotonic + usableMs - call.leaseMs)',
        'renewUntil: asked.monotonic + usableMs - call.leaseMs',
      ],
      [8, 'a call that has ended renews nothing', 'lease.drop();', ''],
      [
        1,
        'an effect behind a call that has failed must not start',
        'effect.end();\n      if (isHandedOver',
        'if (isHandedOver',
      ],

      [
        4,
        'an ambiguous error leaves the claim unknown, for all to see',
        'await askAgain(state, () => state.env.store.markUnknown(state.request), whileItMatters(state)).catch(\n    () => false,\n  );',
        '',
      ],
      [
        3,
        'what has no stored form is not given as a result',
        'if (encoded.problem !== undefined) throw resultUnavailable(claim.requestId, encoded.problem);',
        '',
      ],
      [
        4,
        'under fail the failure is non-retryable, the first time too',
        "retryable: onUnknown !== 'fail'",
        'retryable: true',
      ],
    ],
  ),
  ...inFile(
    'src/core/effect.ts',
    [faults],
    [
      [
        3,
        'a rejection that could not be written is no outcome: the store is away',
        "case 'written':",
        "case 'written':\n    case 'lost':",
      ],
    ],
  ),
  ...inFile(
    'src/core/effect.ts',
    [protocol],
    [
      [
        1,
        'a retry must end before the provider forgets its keys (fence)',
        'Math.min(claim.leaseRemainingMs, usableMs)',
        'claim.leaseRemainingMs',
      ],
      [
        1,
        'a retry must end before the provider forgets its keys (renewal)',
        'Math.min(call.deadline + marginMs, asked.monotonic + usableMs - call.leaseMs)',
        'call.deadline + marginMs',
      ],
      [
        4,
        'a transaction without its receipt did not happen',
        "transactional && meaning === 'unknown' ? 'not-committed' : meaning",
        'meaning',
      ],
      [
        2,
        'the result of a transaction is the committed one',
        'if (effect.committed) return settleTransaction(state, claim, effect);',
        '',
      ],
      [
        2,
        'a transactional effect is settled by its transaction alone',
        'if (state.call.transactional) return settleTransaction(state, claim, effect);',
        '',
      ],
      [
        3,
        'whether a transaction committed is looked up',
        'if (!released && state.call.transactional) return lookUp(state, claim, thrown);',
        '',
      ],
      [
        8,
        'an effect that never began is not delegated',
        'effect.begun && !call.transactional && (call.isDelegation',
        '!call.transactional && (call.isDelegation',
      ],
      [
        1,
        'a transaction is not handed over',
        'effect.begun && !call.transactional && (call.isDelegation',
        'effect.begun && (call.isDelegation',
      ],
      [1, 'a delegated effect is not unknown', 'return handOver(state, claim, effect, thrown);', '{}'],
      [
        3,
        'what a transaction says of itself to be unknown is unknown',
        "if (transactional && thrown instanceof OutcomeUnknownError) return 'unknown';",
        '',
      ],
      [
        3,
        'a transaction without any work is looked up before it is called nothing',
        'if (!(await release(state, claim))) return lookUp(state, claim, problem);',
        'await release(state, claim);',
      ],
    ],
  ),
  ...inFile(
    'src/core/settle.ts',
    [holding, faults],
    [
      [
        3,
        'only the state asked for means that it is settled',
        'const isWritten = answer === settled;',
        "const isWritten = answer !== 'late';",
      ],
      [
        2,
        'a result that cannot be written still goes to the caller',
        "return 'lost';",
        "throw new Error('lost');",
      ],
      [
        2,
        'the settle is retried while the attempt may live',
        'env.store.settle(settlement), endOfAttempt(state, leastSettleMs))',
        'env.store.settle(settlement), env.clock.monotonic())',
      ],
    ],
  ),
  ...inFile(
    'src/core/settle.ts',
    ['unit/core-engine-lost'],
    [[3, 'of a claim in doubt no receipt is written anew', 'claim.doubt ? undefined : {', '{']],
  ),
  ...inFile(
    'src/core/replay.ts',
    [answers],
    [
      [
        3,
        'a rejection is replayed as a rejection',
        "return receipt.state === 'rejected'\n",
        "return receipt.state === 'rejected' && !codec\n",
      ],
    ],
  ),
  ...inFile(
    'src/core/replay.ts',
    [holding],
    [
      [
        2,
        'what cannot be read back is not taken for another result',
        'throw new ResultUnavailableError(\n      `The stored',
        'if (cause) return undefined as T;\n    throw new ResultUnavailableError(\n      `The stored',
      ],
    ],
  ),
  ...inFile(
    'src/core/running-effect.ts',
    [holding, answers],
    [
      [1, 'an effect starts once under a claim', 'if (this.begun) {', 'if (this.begun && this.ended) {'],
      [
        1,
        'the effect starts only under a claim that is certainly held',
        'this.fence();\n    this.begun = true;',
        'this.begun = true;',
      ],
      [1, 'fence() refuses once the call has ended', 'if (this.#ended) throw this.hasEnded();', ''],

      [1, 'fence() looks at the lease', 'if (!this.isDelegated) this.#lease.assertHeld();', ''],
      [
        1,
        'a lost claim aborts the signal of the effect',
        '[this.#over.signal, this.#lease.signal]',
        '[this.#over.signal]',
      ],
      [
        8,
        'a caller can cancel its effect',
        'this.#call.signal ? [...signals, this.#call.signal] : signals',
        'signals',
      ],
    ],
  ),
  ...inFile(
    'src/core/running-effect.ts',
    [protocol],
    [
      [1, 'a transaction must be announced', 'if (!this.#call.transactional) {', 'if (!this.#call) {'],
      [
        1,
        'a transactional effect is one transaction',
        'if (this.#inTransaction) {',
        'if (this.#inTransaction && this.#ended) {',
      ],
      [
        1,
        'a transaction begins only under a claim that is held',
        'this.fence();\n    this.#inTransaction = true;',
        'this.#inTransaction = true;',
      ],
      [
        1,
        'a delegated claim has no lease to look at',
        'if (!this.isDelegated) this.#lease.assertHeld();',
        'this.#lease.assertHeld();',
      ],
      [
        1,
        'a transaction is not delegated',
        "if (this.#call.transactional)\n      throw this.misused('is a transaction",
        "if (!this.#call)\n      throw this.misused('is a transaction",
      ],
      [
        1,
        'nothing is handed over under a claim that is lost',
        'if (!this.isDelegated) {\n      throw',
        'if (!this.isDelegated && !this.begun) {\n      throw',
      ],
      [
        1,
        'nothing is handed over once the lease cannot be proved',
        'this.fence();\n    if (this.isDelegated) return;',
        'if (this.isDelegated) return;',
      ],
      [1, 'a delegated claim is renewed no more', 'this.#lease.drop(); //', '//'],
      [
        2,
        'a transaction whose result cannot be stored is none',
        'if (problem !== undefined) throw unencodable(this.requestId, problem);',
        '',
      ],
    ],
  ),
  ...inFile(
    'src/core/leases.ts',
    ['unit/core-leases'],
    [
      [
        1,
        'the deadline is checked in the same tick as the send',
        'if (this.isOver(lease, 0)) throw this.giveUp(lease);',
        '',
      ],
      [
        1,
        'the holder stops by its monotonic clock',
        'monotonic + marginMs >= lease.expires.monotonic || ',
        '',
      ],
      [1, 'the holder stops by its wall clock', ' || wall + marginMs >= lease.expires.wall', ''],
      [
        1,
        'a claim that the store no longer renews is given up',
        'if (!renewed.has(lease.token)) this.giveUp(lease);',
        'if (!renewed.has(lease.token)) continue;',
      ],
      [
        1,
        'a renewal counts from when it was asked for',
        'lease.expires = after(asked, leaseMs)',
        'lease.expires = after(this.now(), leaseMs)',
      ],
      [
        8,
        'a lease is renewed no longer than the attempt may live',
        'due.filter((e) => monotonic < e.renewUntil)',
        'due',
      ],
      [
        1,
        'the holder stops before its lease runs out',
        'if (this.isOver(lease, lease.margin))',
        'if (this.isOver(lease, 0))',
      ],
      [1, 'a claim that is given up aborts its effect', 'this.#abort?.abort(error);', ''],
      [1, 'what was given up stays given up', 'if (lease.lost) throw lease.lost;', ''],
      [
        1,
        'the signal of a claim that was given up is aborted, whenever it is asked for',
        'if (this.lost) this.#abort.abort(this.lost);',
        '',
      ],
      [8, 'a timer ends with the last lease', 'if (this.held.size === 0) this.sleep();', ''],
      [8, 'an earlier look takes the place of a later one', 'this.timer?.cancel();', ''],
      [
        8,
        'a renewal that fails is asked again',
        'lease.renewAt = monotonic + lease.quarter;',
        'lease.renewAt = Infinity;',
      ],
    ],
  ),
  ...inFile(
    'src/core/store-retry.ts',
    [faults],
    [
      [
        8,
        'the store is asked no longer than it may',
        'if (isFinal(error) || clock.monotonic() + delay > until)',
        'if (isFinal(error))',
      ],
      [
        8,
        'a store that does not answer counts as away',
        'return inTime(clock, limitMs, step(), overdue);',
        'return step();',
      ],
      [8, 'a store that fails at once is asked again', 'return rejected(error);', 'throw error;'],
      [
        3,
        'a store that is away is a retryable failure',
        'throw unavailable(state.call.requestId, error);',
        'throw error;',
      ],
    ],
  ),
  ...inFile(
    'src/core/call-state.ts',
    [unknown],
    [[4, 'a held activity is asked again at growing intervals', '2 ** Math.min(attempt - 1, 10)', '1']],
  ),
  ...inFile(
    'src/core/engine.ts',
    ['unit/core-engine-protocol'],
    [
      [
        7,
        'a take-over has a fresh token',
        'may still arrive.\n  state.request = { ...state.request, token: state.env.newToken() };',
        'may still arrive.',
      ],
    ],
  ),
  ...inFile(
    'src/core/engine.ts',
    ['unit/core-engine-drain', 'unit/core-waiting'],
    [
      [
        8,
        'a drain waits for what runs',
        'this.inFlight > 0 && leftMs > 0;',
        'this.inFlight < 0 && leftMs > 0;',
      ],
      [8, 'a drain waits no longer than it may', 'wait(allOfThem, leftMs,', 'wait(allOfThem, 1e9,'],
      [8, 'a drain ends with the last call', 'this.ends.tell(allOfThem);', '{}'],
      [
        8,
        'a drain waits for claims that are given back',
        'await withdraw(state).finally(() => this.ended());',
        'this.ended();\n    await withdraw(state);',
      ],
      [
        8,
        'a drain waits for calls, not only for what they leave',
        "if (answer === 'claimed') return await runEffect(state, receipt, asked);",
        "if (answer === 'claimed') {\n          this.inFlight--;\n          return await runEffect(state, receipt, asked).finally(() => void this.inFlight++);\n        }",
      ],
    ],
  ),
  ...inFile(
    'src/core/effect.ts',
    ['unit/core-engine-faults'],
    [
      [
        8,
        'a claim in doubt is given back until it is there',
        'if (await giveBack(state, clock.monotonic() + withdrawMs)) return;',
        'await giveBack(state, clock.monotonic() + withdrawMs);\n    return;',
      ],
      [
        8,
        'a claim in doubt is given back for a lease at most',
        'if (clock.monotonic() + delay > end) return;',
        'if (clock.monotonic() + delay > end + 3_600_000) return;',
      ],
    ],
  ),
  ...inFile(
    'src/core/effect.ts',
    ['unit/core-engine-generations', 'unit/core-engine-protocol'],
    [
      [
        3,
        'a lost transaction over an unknown attempt is unknown',
        'if (claim.doubt) throw unknownAfter(state, claim, thrown);\n  if (receipt',
        'if (receipt',
      ],
      [
        3,
        "somebody else's claim does not say that nothing happened",
        'if (receipt === undefined || isFree(receipt))\n',
        '\n',
      ],
      [
        3,
        'a lost transaction that nobody has claimed since did not happen',
        'if (receipt === undefined || isFree(receipt))',
        'if (receipt === undefined)',
      ],
      [
        2,
        'a lost transaction has the outcome of its receipt',
        "if (receipt?.state === 'committed' || receipt?.state === 'rejected') return replay(state, receipt);",
        '',
      ],
    ],
  ),
  ...inFile(
    'src/core/codec-retry.ts',
    ['unit/core-engine-drain'],
    [
      [2, 'a codec that is away for a moment is asked again', 'const mostTries = 5;', 'const mostTries = 1;'],
      [8, 'a codec is asked a few times only', 'tries === mostTries || ', ''],
      [
        8,
        'a codec that does not answer counts as away',
        'return await answerBy(clock, until, tries === 1 ? first : step());',
        'return await (tries === 1 ? first : step());',
      ],
      [2, 'a codec that fails at once is asked again', 'first = rejected(error);', 'throw error;'],
      [2, 'a codec may answer at once', 'isAwaited(answer)\n', 'true\n'],
      [8, 'a codec is not asked beyond the attempt', ' || clock.monotonic() + delayMs > until', ''],
    ],
  ),
  ...inFile(
    'src/core/settle.ts',
    ['unit/core-engine-drain'],
    [
      [
        8,
        'a result is encoded in bounded time',
        'endOfAttempt(state, leastSettleMs), encode',
        'Number.MAX_SAFE_INTEGER, encode',
      ],
      [2, 'a result that could be encoded another time is told apart', '\n  passing: true,', ''],
      [
        3,
        'a codec that gives no reason has failed',
        "problem: problem ?? new Error('no reason given')",
        'problem',
      ],
    ],
  ),
  ...inFile(
    'src/core/replay.ts',
    ['unit/core-engine-drain', 'unit/core-engine-holding'],
    [
      [3, 'a receipt that cannot be read now is read again', 'cause, retryable: true,', 'cause,'],
      [3, 'a receipt without a result is final', 'if (!hasResult(outcome)) throw', 'if (!outcome) throw'],
      [
        3,
        'what can never be decoded is final',
        'if (cause instanceof ResultUnavailableError)\n',
        'if (cause instanceof RangeError)\n',
      ],
      [
        8,
        'a receipt is read in bounded time',
        'await answerBy(state.env.clock, endOfAttempt(state, leastReadMs), decode())',
        'await decode()',
      ],
    ],
  ),
  ...inFile(
    'src/core/unknown.ts',
    ['unit/core-engine-drain'],
    [[2, 'the result that a probe found is not given up', 'if (passing) return later;', '']],
  ),
  ...inFile(
    'src/core/settle.ts',
    ['unit/core-engine-drain'],
    [
      [
        1,
        'a result that cannot be encoded is still known to have happened',
        'encoded instanceof Promise ? encoded.catch(unencoded) : encoded',
        'encoded',
      ],
    ],
  ),
  ...inFile(
    'src/core/effect.ts',
    ['unit/core-engine-protocol'],
    [
      [
        1,
        'an effect finds its own claim, wherever it asks for it',
        'call.isDetached ? call.run',
        'call ? call.run',
      ],
      [
        1,
        'an effect behind a call that has ended must not start',
        "effect.end();\n      state.end('returned');",
        "state.end('returned');",
      ],
    ],
  ),
  ...inFile(
    'src/core/running-effect.ts',
    ['unit/core-engine-protocol', 'unit/core-waiting'],
    [
      [1, 'what an effect has left behind is told to stop', 'this.#over?.abort(this.hasEnded());', ''],
      [
        1,
        'what an effect has left behind is told to stop, whenever it asks',
        'if (this.#ended) return AbortSignal.abort(this.hasEnded());',
        '',
      ],
    ],
  ),
];
