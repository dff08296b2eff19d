/** What a command is: from this come its help, what is refused, and the completions of shells. */
import type { PostgresReceipts } from '../stores/pg';
import type { Print } from './terminal';
import { UsageError } from './usage-error';

/** One option. Without `takes` it is a flag. */
export interface Option<T> {
  readonly says: string;
  /** The name of its value, such as `N`. */
  readonly takes?: string;
  /** Makes of its text what the command gets, or says what is wrong with it. */
  readonly read: (text: string, name: string) => T;
  /** What the command gets where it is not given. */
  readonly otherwise: T;
  /** All values that it takes. */
  readonly choices?: readonly string[];
  readonly isFile?: boolean;
}

/** Options by their long names. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** What was given for them. */
export type Given<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

/** Yes or no. */
export const flag = (says: string): Option<boolean> => ({ says, read: () => true, otherwise: false });

type More = Partial<Pick<Option<unknown>, 'choices' | 'isFile'>>;

/** A text, which is not empty. */
export const text = (takes: string, says: string, more: More = {}): Option<string | undefined> =>
  parsed(takes, says, (value) => value, more);

/** A value that `read` understands. */
export const parsed = <T>(
  takes: string,
  says: string,
  read: (value: string, name: string) => T,
  more: More = {},
): Option<T | undefined> => ({
  ...{ takes, says, otherwise: undefined, ...more },
  read: (value, name) => {
    if (value === '') throw new UsageError(`${name} takes a value`);
    return read(value, name);
  },
});

/** A whole number within bounds. */
export const wholeNumber = (
  takes: string,
  says: string,
  { least, most, otherwise }: { least: number; most: number; otherwise: number },
): Option<number> => ({
  ...{ takes, says, otherwise },
  read: (value, name) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
    if (number >= least && number <= most) return number;
    throw new UsageError(`${name} takes a whole number from ${least} to ${most}`);
  },
});

/** One of some words. */
export const oneOf = <T extends string>(takes: string, says: string, choices: readonly T[]) =>
  parsed<T>(
    takes,
    says,
    (value, name) => {
      const known = choices.find((choice) => choice === value);
      if (known === undefined) throw new UsageError(`${name} takes one of ${choices.join(', ')}`);
      return known;
    },
    { choices },
  );

/** What every command takes. */
export const everywhere = { json: flag('print JSON') };

/** What the commands take that look after receipts. */
export const connection = {
  'database-url': text('URL', 'else DATABASE_URL, else PG* variables'),
  schema: text('NAME', 'schema of the tables (activity_guard)'),
  namespace: text('NAME', 'namespace of the receipts (default)'),
};

/** What every command takes, as it was given. */
export type Common = Given<typeof everywhere & typeof connection>;

/** What a command works with. */
export interface Context {
  readonly given: Common;
  /** Nothing is connected before the first question. */
  readonly receipts: PostgresReceipts;
  /** Those of another namespace; who opens them closes them. */
  readonly open: (namespace: string) => PostgresReceipts;
  readonly print: Print;
}

/** The word after the command's name. */
export interface Argument {
  readonly name: string;
  readonly says: string;
  readonly isOptional?: boolean;
  readonly choices?: readonly string[];
  readonly isFile?: boolean;
}

/** One command. */
export interface Definition<O extends Options = Options> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What else there is to know, for its own help. */
  readonly more?: string;
  readonly argument?: Argument;
  readonly options: O;
  /** It takes no options of the connection. */
  readonly isAlone?: boolean;
  /** Command lines without the name of the program. */
  readonly examples: readonly string[];
  /**
   * Looks at what belongs together, before anything is done.
   * @throws UsageError naming what is wrong
   */
  readonly check?: (given: Given<O>, argument: string, common: Common) => void;
  /** @returns whether it succeeded */
  readonly run: (context: Context, given: Given<O>, argument: string) => Promise<boolean>;
}

/** Keeps the types of a command's own options to itself. */
export const command = <O extends Options>(definition: Definition<O>): Definition =>
  definition as unknown as Definition;

/** The options of a command: its own first. */
export const optionsOf = ({ options, isAlone = false }: Definition): Options => ({
  ...options,
  ...(isAlone ? {} : connection),
  ...everywhere,
});
