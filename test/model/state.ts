/** The state of the small world. Times are ticks that count down, so that equal situations are equal states. */
import type { PolicyName } from '../../src/core';
import type { Switches } from './rules';

/** What one search looks at. Whatever is left out does not happen in it. */
export interface Scenario {
  readonly name: string;
  /** The policy of the callers on each of the two workers. */
  readonly policies: readonly [PolicyName, PolicyName];
  /** How many attempts are made in all, on whichever worker is free. */
  readonly attempts: number;
  /** A search that finds fewer states than this has lost something. */
  readonly fewestStates: number;
  readonly leaseTicks: number;
  /** A request on the wire arrives at most this many ticks after it was sent. */
  readonly wireTicks: number;
  /** An effect can be read at the provider at most this many ticks after it happened. */
  readonly lagTicks: number;
  /** What the second worker calls: the same id with another payload, or the intent's second generation. */
  readonly second?: 'reuse' | 'generation';
  /** The provider deduplicates requests sent under `retry` and forgets a key after so many ticks. */
  readonly keyTicks?: number;
  /** Messages to the database that may arrive late, after nobody waits for them any more. */
  readonly strays?: number;
  readonly renews?: true;
  readonly rejects?: true;
  readonly throwsNotCommitted?: true;
  /** A function can end while a request it queued has not left yet. */
  readonly leftovers?: true;
  /** The holder may be paused without limit before its send, and the provider checks epochs. */
  readonly fencing?: true;
  readonly transactional?: true;
  readonly delegated?: true;
  readonly operator?: true;
  /** The operator may say "no" although a holder knew better: evidence must win over him. */
  readonly operatorErrs?: true;
  readonly history?: true;
  readonly prunes?: true;
  /** The replica that takes over never had the row, or had an earlier version of it. */
  readonly failover?: 'vanishes' | 'rolls back';
  /** From every state, healed, the intent must end settled with one effect. */
  readonly live?: true;
}

export type RowState = 'claimed' | 'unknown' | 'committed' | 'rejected' | 'released' | 'delegated' | 'pruned';

export interface Row {
  readonly state: RowState;
  readonly token: number;
  readonly epoch: number;
  /** Ticks until the lease ends; below zero, ticks since. */
  readonly lease: number;
  /** Ticks since the first claim of this id. */
  readonly age: number;
  readonly policy: PolicyName;
  readonly doubt: boolean;
  readonly transactional: boolean;
  readonly fingerprint: number;
}

/** Where an attempt is. Between any two steps it can pause for as long as it likes, or die. */
export type At =
  | 'idle'
  | 'asks'
  | 'takes over'
  | 'holds'
  | 'runs'
  | 'sent'
  | 'settles'
  | 'releases'
  | 'marks'
  | 'delegates'
  | 'hands over'
  | 'probes'
  | 'resolves';

export interface Attempt {
  readonly at: At;
  readonly token: number;
  /** Which of the two intents or generations it is about. */
  readonly what: number;
  /** Ticks until its own deadline; while it asks, minus the ticks since it began to ask. */
  readonly own: number;
  readonly epoch: number;
  readonly doubt: boolean;
  /** What the provider replied, is to be written, or whether a probe's "no" counts or an unknown row is taken. */
  readonly word: '' | 'yes' | 'no';
}

/** A request on its way to the provider. */
export interface Flight {
  readonly ttl: number;
  readonly token: number;
  readonly epoch: number;
  readonly what: number;
  readonly keyed: boolean;
}

/** A message to the database. */
export type Op =
  | { readonly kind: 'claim'; readonly token: number; readonly what: number; readonly by: number }
  | {
      readonly kind: 'take over';
      readonly token: number;
      readonly what: number;
      readonly by: number;
      readonly epoch: number;
      readonly fromUnknown: boolean;
    }
  | {
      readonly kind: 'settle';
      readonly token: number;
      readonly what: number;
      readonly as: 'committed' | 'rejected';
    }
  | {
      readonly kind: 'release' | 'mark' | 'renew' | 'delegate';
      readonly token: number;
      readonly what: number;
    }
  | {
      readonly kind: 'resolve';
      readonly what: number;
      readonly epoch: number;
      readonly as: 'committed' | 'released';
    };

export interface World {
  /** By id: with generations there are two, otherwise one. */
  rows: (Row | null)[];
  /** "Committed" on file, by id. */
  evidence: boolean[];
  attempts: Attempt[];
  attemptsLeft: number;
  straysLeft: number;
  stray: Op | null;
  wire: Flight[];
  /** A request queued by a function that has ended, and the ticks until its signal stops it. */
  leftover: Flight | null;
  /** A job handed over to somebody who completes it under the claim's token. */
  job: { readonly token: number; readonly what: number; readonly at: 'has it' | 'sent' | 'settles' } | null;
  /** Effects that happened, by what was asked for. */
  effects: number[];
  /** Ticks until the last effect can surely be read. */
  lag: number;
  /** Ticks since the provider first saw the key; -1 before. */
  keyAge: number;
  /** The provider refuses lower epochs. */
  fence: number;
  /** What callers were told, by what they asked for. */
  toldYes: boolean[];
  toldNo: boolean[];
  /** Some holder learnt that the effect happened. */
  learntYes: boolean;
  replica: Row | null;
  failedOver: boolean;
  /** Set by the step that broke an invariant that only the step can see. */
  broken: string;
}

/** What every step needs to know. */
export interface Context {
  readonly scenario: Scenario;
  readonly on: Switches;
}

export const idle: Attempt = {
  ...{ at: 'idle', token: 0, what: 0, own: 0, epoch: 0, doubt: false, word: '' },
};

export const start = ({ attempts, strays = 0 }: Scenario): World => ({
  ...{ rows: [null, null], evidence: [false, false], attempts: [idle, idle] },
  ...{ attemptsLeft: attempts, straysLeft: strays, stray: null, wire: [], leftover: null, job: null },
  ...{ effects: [0, 0], lag: 0, keyAge: -1, fence: 0, toldYes: [false, false], toldNo: [false, false] },
  ...{ learntYes: false, replica: null, failedOver: false, broken: '' },
});

/** Rows, attempts, flights and messages are never changed in place, so they can be shared. */
export const copy = (world: World): World => ({
  ...world,
  rows: [...world.rows],
  evidence: [...world.evidence],
  attempts: [...world.attempts],
  wire: [...world.wire],
  effects: [...world.effects],
  toldYes: [...world.toldYes],
  toldNo: [...world.toldNo],
});

/** More than the epochs that a failover can have lost; in a database, the timeline as the epoch's upper half. */
export const epochsPerTimeline = 10;

/** With generations each has a row of its own; otherwise both callers share one id. */
export const rowOf = ({ second }: Scenario, what: number): number => (second === 'generation' ? what : 0);

/** A token nobody has used: no need to count them, only to differ. */
export function newToken(world: World): number {
  const used = [
    ...[...world.rows, world.replica].map((row) => row?.token ?? 0),
    ...[...world.attempts, ...world.wire].map(({ token }) => token),
    ...[world.stray && 'token' in world.stray ? world.stray.token : 0],
    ...[world.leftover?.token ?? 0, world.job?.token ?? 0],
  ];
  return Math.max(...used) + 1;
}

/** Tokens only ever differ or not, so they are numbered by their first appearance; equal workers have no order. */
export function encode(world: World, isSymmetric: boolean): string {
  const names = new Map<number, number>([[0, 0]]);
  const name = (token: number): number => {
    if (!names.has(token)) names.set(token, names.size);
    return names.get(token) ?? 0;
  };
  const plain = ({ at, what, own, epoch, doubt, word }: Attempt): string =>
    `${at}${what}${own},${epoch}${doubt ? 'd' : ''}${word}`;
  const row = (r: Row | null): string =>
    r === null
      ? '-'
      : `${r.state}${name(r.token)},${r.epoch},${r.lease},${r.age}${r.policy}${r.doubt ? 'd' : ''}${r.fingerprint}`;
  const flight = (f: Flight): string => `${f.ttl}t${name(f.token)}e${f.epoch}w${f.what}${f.keyed ? 'k' : ''}`;
  const attempts = world.attempts.map((attempt) => ({ attempt, text: plain(attempt) }));
  if (isSymmetric) attempts.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  const { stray, job } = world;
  return [
    ...world.rows.map(row),
    ...attempts.map(({ attempt, text }) => `${text}#${name(attempt.token)}`),
    world.wire.map(flight).sort().join(),
    world.leftover ? flight(world.leftover) : '',
    stray ? Object.entries(stray).map(([key, value]) => (key === 'token' ? name(Number(value)) : value)) : '',
    job ? `${job.at}${name(job.token)}` : '',
    row(world.replica),
    ...[world.attemptsLeft, world.straysLeft, world.lag, world.keyAge, world.fence, ...world.effects],
    ...[...world.evidence, ...world.toldYes, ...world.toldNo, world.learntYes, world.failedOver].map(Number),
  ].join('|');
}
