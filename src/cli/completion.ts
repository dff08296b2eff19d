/** `completion`: what a shell offers after Tab, from the definitions of the commands. */
import { shellWord as quoted } from '../core';
import { command, optionsOf, type Definition } from './definition';
import { UsageError } from './usage-error';

const shells = ['bash', 'zsh', 'fish'] as const;

type Shell = (typeof shells)[number];

/** What may stand after one of the words before it. */
interface Offer {
  readonly name: string;
  readonly says: string;
  /** For an option: `undefined` for a flag, else what it takes, which is any file where there are no choices. */
  readonly takes?: readonly string[] | undefined;
}

const optionOffers = (definition: Definition): Offer[] => [
  ...Object.entries(optionsOf(definition)).map(([name, { says, takes, choices = [] }]) => ({
    ...{ name: `--${name}`, says },
    ...(takes === undefined ? {} : { takes: choices }),
  })),
  { name: '--help', says: 'what it does, with examples' },
];

const words = (all: readonly string[]): string => quoted(all.join(' '));

/** What follows an option that takes a value: nothing to choose from means a file name, by `-o default`. */
const bashValues = (definition: Definition): string[] =>
  optionOffers(definition).flatMap(({ name, takes }) =>
    takes === undefined ? [] : [`    '${definition.name} ${name}') words=${words(takes)} ;;`],
  );

const bash = (commands: readonly Definition[]): string[] => [
  '# Bash completion of activity-guard: eval "$(activity-guard completion bash)"',
  '_activity_guard() {',
  '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words= word',
  '  # Bash takes --state=unknown for three words.',
  '  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi',
  '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
  `    case $word in ${commands.map(({ name }) => name).join('|')}) command=$word; break ;; esac`,
  '  done',
  '  case "$command $prev" in',
  ...commands.flatMap(bashValues),
  '    *) case $command in',
  `      '') words=${words([...commands.map(({ name }) => name), 'help', '--help'])} ;;`,
  ...commands.map((definition) => {
    const { name, argument } = definition;
    const offered = [...(argument?.choices ?? []), ...optionOffers(definition).map((offer) => offer.name)];
    return `      ${name}) words=${words(offered)} ;;`;
  }),
  '    esac ;;',
  '  esac',
  '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
  '}',
  'complete -o default -F _activity_guard activity-guard',
];

/** A text of `_arguments`, in which these have a meaning. */
const plain = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&');

const zshOption = ({ name, says, takes }: Offer): string => {
  const values =
    takes === undefined ? '' : takes.length > 0 ? `:value:(${takes.join(' ')})` : ':value:_files';
  return quoted(`${name}[${plain(says)}]${values}`);
};

const zsh = (commands: readonly Definition[]): string[] => [
  '#compdef activity-guard',
  '# Zsh completion of activity-guard: source <(activity-guard completion zsh)',
  '_activity_guard() {',
  '  local -a commands=(',
  ...commands.map(({ name, summary }) => `    ${quoted(`${name}:${plain(summary)}`)}`),
  '  )',
  '  if (( CURRENT == 2 )); then _describe command commands; return; fi',
  '  local command=$words[2]',
  '  shift words; (( CURRENT-- ))',
  '  case $command in',
  ...commands.map((definition) => {
    const { argument } = definition;
    const first = argument
      ? [
          quoted(
            `1:${plain(argument.name)}:${argument.choices ? `(${argument.choices.join(' ')})` : argument.isFile ? '_files' : ''}`,
          ),
        ]
      : [];
    return `    ${definition.name}) _arguments ${[...optionOffers(definition).map(zshOption), ...first].join(' ')} ;;`;
  }),
  '  esac',
  '}',
  'compdef _activity_guard activity-guard',
];

const fishOption = (condition: string, { name, says, takes }: Offer): string => {
  const value = takes === undefined ? '' : takes.length > 0 ? ` -x -a ${words(takes)}` : ' -r';
  return `complete -c activity-guard -n ${condition} -l ${name.slice(2)}${value} -d ${quoted(says)}`;
};

const fish = (commands: readonly Definition[]): string[] => [
  '# Fish completion of activity-guard: activity-guard completion fish | source',
  ...commands.flatMap((definition) => {
    const { name, summary, argument } = definition;
    const condition = quoted(`__fish_seen_subcommand_from ${name}`);
    const choices = argument?.choices ?? [];
    return [
      `complete -c activity-guard -f -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
      ...(choices.length > 0 ? [`complete -c activity-guard -f -n ${condition} -a ${words(choices)}`] : []),
      ...optionOffers(definition).map((offer) => fishOption(condition, offer)),
    ];
  }),
];

const scripts: Readonly<Record<Shell, (commands: readonly Definition[]) => string[]>> = { bash, zsh, fish };

const shellIn = (name: string): Shell => {
  const shell = shells.find((known) => known === name);
  if (!shell) throw new UsageError(`completion takes one of ${shells.join(', ')}`);
  return shell;
};

/** @param commands asked for when it runs: it is one of them */
export const completionOf = (commands: () => readonly Definition[]): Definition =>
  command({
    name: 'completion',
    summary: 'a script that completes command lines in a shell',
    more: 'For the start-up file of your shell: eval "$(activity-guard completion bash)", source <(activity-guard completion zsh), or activity-guard completion fish | source.',
    argument: { name: 'shell', says: shells.join(', '), choices: shells },
    options: {},
    isAlone: true,
    examples: ['completion bash', 'completion zsh', 'completion fish'],
    check: (_given, shell) => void shellIn(shell),
    run: async ({ print, given: { json } }, _given, name) => {
      const shell = shellIn(name);
      const lines = scripts[shell](commands());
      if (json) await print(JSON.stringify({ shell, script: `${lines.join('\n')}\n` }));
      else for (const line of lines) await print(line);
      return true;
    },
  });
