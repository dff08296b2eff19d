/** Understands a command line, by the definitions of the commands. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  Command,
  CommanderError,
  Option as CommanderOption,
  type Argument as CommanderArgument,
} from 'commander';

import { commands } from './commands';
import {
  connection,
  everywhere,
  optionsOf,
  type Common,
  type Definition,
  type Given,
  type Options,
} from './definition';
import { UsageError } from './usage-error';

/** One understood command line. */
export interface Invocation {
  readonly definition: Definition;
  readonly common: Common;
  readonly given: Given<Options>;
  /** `''` where none was given. */
  readonly argument: string;
}

/** They may also stand before the command. */
const ofAll = { ...connection, ...everywhere };

/** The help, or the version, is what was asked for. */
type Parsed = Invocation | { readonly help: string };

/** The package's own, three folders above the compiled file. */
const version = (): string => {
  const text = readFileSync(join(__dirname, '../../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
};

const afterHelp = `
Temporal is found as by its own tools: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_API_KEY, TEMPORAL_TLS_*, or a profile (TEMPORAL_PROFILE,
TEMPORAL_CONFIG_FILE).

Exit codes: 0 it is done (doctor: nothing fails; report: all is in order),
1 it failed, was refused or was not found, 2 the command line is wrong and
nothing was done.

More of each command, with examples: activity-guard <command> --help
`;

function optionFor([name, { says, takes, choices }]: [string, Options[string]]): CommanderOption {
  const values = choices ? `${says}: ${choices.join(', ')}` : says;
  return new CommanderOption(takes === undefined ? `--${name}` : `--${name} <${takes}>`, values);
}

/** What was typed for an option; `undefined` where it was not given. */
type Typed = (name: string) => string | true | undefined;

const typedIn = (command: Command): Typed => {
  const { options } = command;
  return (name) => {
    const option = options.find(({ long }) => long === `--${name}`);
    if (option === undefined || command.getOptionValueSource(option.attributeName()) !== 'cli')
      return undefined;
    const value: unknown = command.getOptionValue(option.attributeName());
    return typeof value === 'string' ? value : true; // of --no-…, it is false
  };
};

/** Another option in place of a value: the value was forgotten. */
const isOption = /^--[a-z][a-z-]*$/;

/** @throws UsageError which value is wrong */
function read(options: Options, typed: Typed): Given<Options> {
  const valueOf = ([name, { read, otherwise }]: [string, Options[string]]): [string, unknown] => {
    const value = typed(name);
    if (value === undefined) return [name, otherwise];
    if (value !== true && isOption.test(value)) throw new UsageError(`--${name} takes a value`);
    return [name, read(value === true ? '' : value, `--${name}`)];
  };
  return Object.fromEntries(Object.entries(options).map(valueOf));
}

/** @throws UsageError what is wrong with what was given */
function invocationOf(definition: Definition, command: Command, program: Command): Invocation {
  const [typed, typedBefore] = [typedIn(command), typedIn(program)];
  const given = read(definition.options, typed);
  const common = read(ofAll, (option) => typed(option) ?? typedBefore(option)) as Common;
  const [argument = ''] = command.args;
  definition.check?.(given, argument, common);
  return { definition, given, common, argument };
}

const examplesOf = ({ examples }: Definition): string =>
  `\nExamples:\n${examples.map((example) => `  activity-guard ${example}\n`).join('')}`;

const termOf = (argument: CommanderArgument): string =>
  argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;

/** As commander has them: parses, and writes the help. */
function programFor(onInvocation: (invocation: Invocation) => void): Command {
  const program = new Command('activity-guard')
    .description('Looks after the receipts of effects that must happen once.')
    .version(version(), '--version', 'print the version')
    .enablePositionalOptions()
    .exitOverride()
    .usage('<command> [options]')
    .configureHelp({
      subcommandTerm: (each) => [each.name(), ...each.registeredArguments.map(termOf)].join(' '),
    })
    .addHelpText('after', afterHelp);
  for (const option of Object.entries(ofAll)) program.addOption(optionFor(option));
  for (const definition of commands) {
    const { name, summary, more, argument } = definition;
    const command = program
      .command(name)
      .summary(summary)
      .description([`${name}: ${summary}.`, ...(more === undefined ? [] : [more])].join('\n\n'))
      .addHelpText('after', examplesOf(definition));
    if (argument) {
      const { name: what, says, isOptional = false } = argument;
      command.argument(isOptional ? `[${what}]` : `<${what}>`, says);
    }
    for (const option of Object.entries(optionsOf(definition))) command.addOption(optionFor(option));
    command.action(() => onInvocation(invocationOf(definition, command, program)));
  }
  return program;
}

/** The command that is meant, if its name is there. */
export const definitionIn = (argv: readonly string[]): Definition | undefined =>
  argv.map((word) => commands.find(({ name }) => name === word)).find((found) => found !== undefined);

/** Whose option was given to a command that has none of this name. */
function ownersOf(argv: readonly string[]): string | undefined {
  const own = { help: true, version: true, ...ofAll, ...definitionIn(argv)?.options };
  const names = argv.flatMap((word) => /^--([a-z-]+)/.exec(word)?.[1] ?? []);
  const foreign = names.find((name) => !Object.hasOwn(own, name)) ?? '';
  const owners = commands.filter(({ options }) => Object.hasOwn(options, foreign));
  return owners.length > 0
    ? `--${foreign} goes with ${owners.map(({ name }) => name).join(', ')}`
    : undefined;
}

/** A command or option that is not known, such as an address with its password; of that only what may be a name is repeated. */
const nameIn = (typed: string): string => /^(--[a-z-]+|-[a-z]|[a-z-]*$)/i.exec(typed)?.[0] ?? '…';

function problemIn({ code, message }: CommanderError, argv: readonly string[]): UsageError {
  if (code === 'commander.help') return new UsageError('which command?');
  const said = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  const isUnknown = code === 'commander.unknownOption' || code === 'commander.unknownCommand';
  if (!isUnknown) return new UsageError(said);
  const owners = code === 'commander.unknownOption' ? ownersOf(argv) : undefined;
  return new UsageError(owners ?? said.replace(/'([^]*)'/, (_said, typed: string) => `'${nameIn(typed)}'`));
}

/**
 * @param width of the help
 * @throws UsageError naming what is wrong
 */
export function parse(argv: readonly string[], width = 80): Parsed {
  let invocation: Invocation | undefined;
  let help = '';
  const program = programFor((parsed) => (invocation = parsed));
  const output = {
    writeOut: (text: string) => void (help += text),
    writeErr: () => undefined,
    getOutHelpWidth: () => width,
  };
  for (const each of [program, ...program.commands]) each.configureOutput(output);
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { help };
    throw problemIn(error, argv);
  }
  if (!invocation) throw new UsageError('which command?');
  return invocation;
}
