/** What a failover run and its load tell each other. */

export interface LoadConfig {
  readonly databaseUrl: string;
  /** The provider's own list of what it did, one request id a line. */
  readonly ledger: string;
}

/** The answer to a claim, as it arrived. */
export interface ClaimTold {
  readonly type: 'claimed';
  readonly id: string;
  readonly key: string;
  readonly token: string;
  readonly epoch: number;
}

/** The answer to a settlement. */
export interface SettlementTold {
  readonly type: 'settled';
  readonly key: string;
  readonly epoch: number;
  readonly state: string;
}

/** What a caller was told in the end: `ok`, or the code of an error. */
export interface Answered {
  readonly id: string;
  readonly answer: string;
}

export type Told = ClaimTold | SettlementTold | ({ readonly type: 'answered' } & Answered);

export interface LoadCounts {
  /** Claims whose answer arrived. */
  claims: number;
  /** Calls that go on. */
  open: number;
}

/** What a run found. */
export interface Result {
  readonly mode: 'synchronous' | 'asynchronous';
  /** By the database's own timeline. */
  readonly promotions: number;
  /** Claims whose answer arrived at the caller. */
  readonly claims: number;
  /** Those of them that the promoted server did not have. */
  readonly lost: number;
  readonly settled: number;
  readonly settledLost: number;
  readonly intents: number;
  /** Counted by the provider. */
  readonly effects: number;
  /** Intents with more than one effect. */
  readonly doubled: number;
  /** Intents that were answered `ok` and have no effect. */
  readonly missing: number;
  /** What callers were told. */
  readonly answers: Readonly<Record<string, number>>;
  /** What later attempts were told whose claim or receipt was lost. */
  readonly afterLoss: Readonly<Record<string, number>>;
  /** Between two promotions. */
  readonly leastClaims: number;
  /** Calls that went on when a primary was killed. */
  readonly leastOpen: number;
  readonly postgres: string;
  readonly seconds: number;
  readonly seed: number;
  /** Why the run proves nothing, if so. */
  readonly tooLittle: readonly string[];
}
