/** The numbers of `docs/protocol.md`. */
export type Invariant = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** A small wrong change to the source. Some test must fail with it, or nothing holds the rule that it breaks. */
export interface Mutation {
  /** The rule that it breaks, in the words of the protocol. */
  readonly rule: string;
  /** The invariant that would fall with it. */
  readonly invariant: Invariant;
  readonly file: string;
  /** Occurs exactly once in the file; if not, the list has rotted, and `npm run test:mutations` says so. */
  readonly find: string;
  readonly replace: string;
  /** The tests that must fail, below `test/` and without `.test.ts`. */
  readonly tests: readonly string[];
  /** Only tests whose name has this: for test files that take long. */
  readonly named?: string;
}

type Row = readonly [invariant: Invariant, rule: string, find: string, replace: string];

/** Mutations of one file that the same tests have to catch. */
export const inFile = (
  file: string,
  tests: readonly string[],
  rows: readonly Row[],
  more: Pick<Mutation, 'named'> = {},
): readonly Mutation[] =>
  rows.map(([invariant, rule, find, replace]) => ({ rule, invariant, file, find, replace, tests, ...more }));
