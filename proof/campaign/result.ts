/** What a campaign came to, and what shows that it was one. */
import type { Broken, Seen } from './checker';
import type { Settings } from './campaign';
import { faultKinds, type FaultInjector } from './faults';
import { kinds, type Kind } from './terms';
import { flatness, type Sample, type Watcher } from './watcher';

export interface Result {
  readonly seed: number;
  readonly minutes: number;
  readonly intents: number;
  readonly effects: number;
  /** Processes of ours that were killed with SIGKILL. */
  readonly kills: number;
  /** How often each kind of fault met what it was meant for. */
  readonly faults: Readonly<Record<string, number>>;
  readonly broken: readonly (Omit<Broken, 'at'> & { readonly seed: number })[];
  /** After how many seconds the first of them happened, where that is known. */
  readonly brokenAfter?: number;
  readonly notVacuous: NotVacuous;
  readonly skipped: readonly string[];
  readonly restSeconds: number;
  /** How the processes ended that nobody killed, worst first. */
  readonly deaths: readonly string[];
  readonly samples: readonly Sample[];
  readonly flat: ReturnType<typeof flatness>;
}

/** What would be small if nothing had been tried. */
interface NotVacuous {
  /** Of all intents: those during which a fault was going on. */
  readonly metAFault: number;
  /** Of all intents: those that took more than one attempt, claim or call. */
  readonly disturbed: number;
  readonly succeeded: Readonly<Record<Kind, number>>;
  readonly declined: number;
  /** Receipts that were claimed more than once. */
  readonly claimedAgain: number;
  /** What sources have said of unknown outcomes, and how often. */
  readonly evidence: Readonly<Record<string, number>>;
  /** Requests that a keyed provider answered with the effect it had. */
  readonly deduplicated: number;
  /** How often all receipts were compared with what they were before. */
  readonly looks: number;
  /** Nothing broken in so many intents: with 95 % confidence the true share of broken ones is below this (3/n). */
  readonly upperBound: number;
  /** What makes this run say too little, if anything. */
  readonly tooLittle: readonly string[];
}

interface Facts {
  readonly settings: Settings;
  readonly seen: Seen;
  readonly attempts: ReadonlyMap<string, number>;
  readonly faults: FaultInjector;
  readonly watcher: Watcher;
  readonly broken: readonly Broken[];
  readonly restMs: number;
  /** By the shared clock. */
  readonly startedAt: number;
  readonly evidence: NotVacuous['evidence'];
  readonly skipped: readonly string[];
  readonly deaths: readonly string[];
}

const killing = /^(worker|caller|provider) killed/;
/** Of all intents, that were disturbed. */
const leastShare = 0.2;
const leastOfKind = { short: 1, whole: 5 };
/** In a shorter run not every kind of fault need have had its turn. */
const wholeSeconds = 180;
const leastKinds = 0.6;

export function resultOf(facts: Facts): Result {
  const { settings, seen, faults, watcher, broken, restMs, skipped } = facts;
  const landed = Object.fromEntries(
    faultKinds.map((kind) => [kind, faults.landed.filter((each) => each.kind === kind).length]),
  );
  const first = Math.min(...broken.map(({ at = Infinity }) => at));
  return {
    seed: settings.seed,
    minutes: settings.seconds / 60,
    intents: seen.intents.length,
    effects: seen.ledger.filter(({ type }) => type === 'effect').length + seen.bookings.length,
    kills: Object.entries(landed).reduce((sum, [kind, count]) => sum + (killing.test(kind) ? count : 0), 0),
    faults: landed,
    broken: broken.map(({ invariant, intent, what }) => ({ invariant, intent, what, seed: settings.seed })),
    ...(first < Infinity ? { brokenAfter: Math.round((first - facts.startedAt) / 1000) } : {}),
    notVacuous: notVacuous(facts, landed),
    skipped,
    deaths: facts.deaths,
    restSeconds: Math.round(restMs / 100) / 10,
    samples: watcher.samples,
    flat: flatness(watcher.samples),
  };
}

function notVacuous(facts: Facts, landed: Readonly<Record<string, number>>): NotVacuous {
  const { settings, seen, attempts, faults, watcher, evidence, skipped } = facts;
  const { intents, receipts, ledger } = seen;
  const share = (count: number): number => Math.round((1000 * count) / (intents.length || 1)) / 1000;
  const met = intents.filter(({ startedAt, endedAt = Infinity }) =>
    faults.landed.some(({ from, to }) => from <= endedAt && startedAt <= to),
  );
  const again = new Set(receipts.filter(({ epoch }) => epoch > 1).map(({ intent }) => intent.split('/')[0]));
  const disturbed = intents.filter(({ intent }) => (attempts.get(intent) ?? 1) > 1 || again.has(intent));
  const ok = intents.filter(({ answers }) => answers[0]?.ok === true);
  const succeeded = Object.fromEntries(
    Object.keys(kinds).map((kind) => [kind, ok.filter((intent) => intent.kind === kind).length]),
  ) as Record<Kind, number>;
  const possible = Object.keys(landed).filter((kind) => !skipped.some((why) => why.startsWith(kind)));
  const neverLanded = possible.filter((kind) => landed[kind] === 0);
  const isShort = settings.seconds < wholeSeconds;
  const isEnough = isShort && neverLanded.length <= (1 - leastKinds) * possible.length;
  const rare = Object.entries(succeeded).filter(
    ([, count]) => count < leastOfKind[isShort ? 'short' : 'whole'],
  );
  return {
    metAFault: share(met.length),
    disturbed: share(disturbed.length),
    succeeded,
    declined: intents.filter(({ answers }) => answers[0]?.ok === false).length,
    claimedAgain: receipts.filter(({ epoch }) => epoch > 1).length,
    evidence,
    deduplicated: ledger.filter(({ type }) => type === 'again').length,
    looks: watcher.looks,
    upperBound: Number((3 / (intents.length || 1)).toPrecision(2)),
    tooLittle: [
      ...(isEnough ? [] : neverLanded).map((kind) => `no fault of the kind '${kind}' landed`),
      ...rare.map(([kind, count]) => `only ${count} intents of the kind '${kind}' succeeded`),
      ...(share(disturbed.length) < leastShare ? ['few intents were disturbed'] : []),
    ],
  };
}
