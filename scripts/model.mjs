// npm run model: checks docs/model/guard.pml with SPIN, whole and with each of its guards taken out. Every search is
// exhaustive (no bitstate hashing). Fails if the whole model is broken anywhere, or a mutilated one is not caught.
//
//   node scripts/model.mjs                  the full size
//   node scripts/model.mjs --quick          a small size, for CI
//   node scripts/model.mjs --only <text>    those whose name has it
//   node scripts/model.mjs --traces         the way to each harm, step by step; the shortest but for liveness
//
// Without SPIN or gcc, which SPIN starts itself, it says so and ends with status 77.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const model = Object.fromEntries(
  ['guard.pml', 'switches.pml'].map((file) => [file, readFileSync(join('docs/model', file), 'utf8')]),
);
const skipped = 77;
const memoryMb = 8000;
const longestStepMs = 30 * 60_000;

const sizes = {
  quick: { ATTEMPTS: 2, SOURCES: 1, LEASE: 2, RENEWALS: 1, WIRE: 1, LAG: 1 },
  full: { ATTEMPTS: 3, SOURCES: 1, LEASE: 2, RENEWALS: 1, WIRE: 1, LAG: 1 },
};

const worlds = {
  evidence: [],
  retry: ['RETRY', 'DEDUPLICATES'],
  fencing: ['FENCES', 'PAUSES'],
  errs: ['ERRS'],
  retryErrs: ['RETRY', 'DEDUPLICATES', 'ERRS'],
};

const whole = [
  ...Object.keys(worlds).map((world) => ({ name: 'whole', world, isLarge: world === 'retryErrs' })),
  // Two sources race: larger than all others together, so only one world has them.
  { name: 'whole, two sources', world: 'evidence', size: { SOURCES: 2 }, isLarge: true },
];

/** What is taken out, in the world that shows the harm. */
const mutilated = [
  ['NO_DURABLE_CLAIM', 'evidence'],
  ['NO_EPOCH_CHECK', 'evidence', { ATTEMPTS: 3 }], // two that saw the release of a third
  ['TAKE_OVER_EXPIRED', 'evidence'],
  ['RELEASE_ON_THROW', 'evidence'],
  ['STALE_RELEASE', 'evidence'],
  ['SETTLE_FIRST', 'evidence'],
  ['NO_FENCE', 'evidence'],
  ['OWN_FROM_ANSWER', 'evidence'],
  ['MARK_ENDS_LEASE', 'evidence'],
  ['PROBE_WITHOUT_GRACE', 'evidence'],
  ['GRACE_FROM_ANSWER', 'evidence'],
  ['GRACE=WIRE', 'evidence', { WIRE: 0 }], // of the two times that it covers, only the other one can do harm
  ['GRACE=LAG', 'evidence', { LAG: 0 }],
  ['RESOLVE_ANY_EPOCH', 'evidence'],
  ['EPOCH_STAYS', 'evidence'],
  ['LATE_SETTLE_OVERWRITES', 'retry'],
  ['NO_DOUBT', 'retry'],
  ['FENCE_NOT_RAISED', 'fencing'],
  ['READ_AT_ONCE', 'fencing'],
  ['EVIDENCE_NO_VETO', 'errs'],
].map(([name, world, size]) => ({ name, world, takes: [name], size, fails: true }));

/** The same, looked at from outside only: the harm comes later than the broken rule. */
const harmful = mutilated.map(({ name, takes, ...run }) => ({
  ...{ ...run, name: `${name}, harm`, takes: [...takes, 'HARM_ONLY'] },
  size: { ...run.size, ATTEMPTS: 3 },
  isLarge: !/^(LATE_SETTLE|NO_DURABLE)/.test(name), // nothing else looks beyond the guard of these
}));

/** What the protocol asks of its surroundings: without it, nothing is promised. */
const assumptions = [
  { name: 'paused past the grace', world: 'evidence', takes: ['PAUSES'], fails: true },
  { name: 'no deduplication', world: 'evidence', takes: ['RETRY'], fails: true },
  { name: 'evidence never ends', world: 'evidence', ltl: 'endsAnyway', fails: true },
];

/** Guards that a provider which checks the epoch makes superfluous. They stay: few providers do. */
const covered = ['NO_FENCE', 'PROBE_WITHOUT_GRACE'].map((name) => ({
  name,
  world: 'fencing',
  takes: [name],
}));

const live = ['heldEnds', 'unknownEnds'];
const liveness = [
  ...live.map((ltl) => ({ name: 'whole', world: 'evidence', ltl })),
  // Fairness multiplies the states.
  ...['retry', 'fencing'].flatMap((world) =>
    live.map((ltl) => ({ name: 'whole, 2 attempts', world, ltl, size: { ATTEMPTS: 2 }, isLarge: true })),
  ),
  ...[
    ['LEASE_NEVER_ENDS', 'heldEnds'],
    ['RENEW_WITHOUT_END', 'heldEnds'],
    ['ASK_ONCE', 'unknownEnds'],
  ].map(([name, ltl]) => ({ name, world: 'evidence', takes: [name], ltl, fails: true })),
];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    traces: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});

const scale = options.quick ? 'quick' : 'full';
const has = (command, flag) => spawnSync(command, [flag]).status === 0;

function step(command, args, cwd) {
  const { stdout, stderr, status, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: longestStepMs,
  });
  const output = `${stdout}${stderr}`;
  if (error || status !== 0) throw new Error(`${command}: ${error?.message ?? output.slice(-2000)}`);
  return output;
}

/** SPIN numbers the names of the model backwards. */
const names = /^mtype = \{ (.*) \};$/m.exec(model['guard.pml'])[1].split(', ').reverse();
const readable = (assertion) =>
  assertion
    .trim()
    .replace('||0', '') // a switch that is off
    .replace(/((?:state|reply|answer)[^=!()]*[=!]=)(\d+)/g, (_, left, number) => left + names[number - 1]);

/** What pan says; a search that was cut short has found nothing out. */
function verdictOf(output) {
  const found =
    /assertion violated (.*?)(?: \(at depth|$)/m.exec(output)?.[1] ??
    /pan:\d+: (acceptance cycle|invalid end state)/.exec(output)?.[1];
  const isComplete =
    /errors: \d+/.test(output) && !/out of memory|too small|aborted|incomplete/i.test(output);
  if (!found && !isComplete) throw new Error(`the search was not exhaustive:\n${output.slice(0, 2000)}`);
  return { found: found && readable(found), states: Number(/(\d+) states, stored/.exec(output)?.[1] ?? 0) };
}

function search({ world, takes = [], ltl, fails, size = {} }) {
  const directory = mkdtempSync(join(tmpdir(), 'guard-model-'));
  try {
    for (const [file, text] of Object.entries(model)) writeFileSync(join(directory, file), text);
    const defines = [
      ...Object.entries({ ...sizes[scale], ...size }).map((entry) => `-D${entry.join('=')}`),
      ...[...worlds[world], ...takes].map((macro) => `-D${macro}`),
    ];
    step('spin', ['-a', ...defines, 'guard.pml'], directory);
    const kind = ltl ? ['-DNFAIR=3'] : ['-DSAFETY', '-DNOCLAIM', ...(fails ? ['-DBFS'] : [])];
    const flags = ['-w', options.quick ? '-O0' : '-O2', '-DCOLLAPSE', `-DMEMLIM=${memoryMb}`, ...kind];
    step('gcc', [...flags, '-o', 'pan', 'pan.c'], directory);
    const verdict = verdictOf(
      step('./pan', ['-m1000000', ...(ltl ? ['-a', '-f', '-N', ltl] : [])], directory),
    );
    const shows = options.traces && verdict.found;
    const trail = shows ? step('spin', ['-t', '-T', '-B', ...defines, 'guard.pml'], directory) : '';
    const trace = trail.replace(/^(ltl |spin:|Never claim).*\n/gm, '').trim();
    return { ...verdict, trace };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Every switch of the model is thrown here: one that is forgotten would prove nothing. */
function checkSwitches(runs) {
  const inModel = [...model['switches.pml'].matchAll(/^#ifndef (\w+)/gm)].map(([, name]) => name);
  const thrown = runs.flatMap(({ world, takes = [] }) => [...worlds[world], ...takes]);
  const known = new Set([...thrown.map((name) => name.split('=')[0]), ...Object.keys(sizes.full)]);
  const forgotten = inModel.filter((name) => !known.has(name));
  if (forgotten.length > 0) throw new Error(`no run takes out ${forgotten.join(', ')}`);
}

const isWanted = ({ name, isLarge }) => name.includes(options.only) && !(options.quick && isLarge);

function main() {
  const runs = [
    ...whole,
    ...liveness.filter(({ fails }) => !fails),
    ...mutilated,
    ...harmful,
    ...assumptions,
    ...covered,
  ];
  runs.push(...liveness.filter(({ fails }) => fails));
  checkSwitches(runs);
  if (!has('spin', '-V') || !has('gcc', '--version')) {
    console.log(
      'skipped: the model was NOT checked. It needs SPIN and gcc: apt-get install spin gcc libc6-dev',
    );
    process.exit(skipped);
  }
  console.log(
    `model: ${Object.entries(sizes[scale])
      .map((entry) => entry.join(' '))
      .join(', ')}`,
  );
  const row = (...cells) =>
    console.log(cells.map((cell, at) => cell.padEnd([30, 8, 8, 10, 7][at] ?? 0)).join(' '));
  row('taken out', 'world', 'expected', 'states', 'seconds', 'found');
  let wrong = 0;
  for (const run of runs.filter(isWanted)) {
    const started = performance.now();
    const { found, states, trace } = search(run);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const isRight = run.fails ? found !== undefined && found !== 'invalid end state' : found === undefined;
    if (!isRight) wrong++;
    const what = `${isRight ? '' : 'WRONG: '}${found ?? 'holds'}${run.ltl ? ` (${run.ltl})` : ''}`;
    row(run.name, run.world, run.fails ? 'fails' : 'holds', String(states), seconds, what);
    if (trace) console.log(trace);
  }
  console.log(wrong === 0 ? 'model: as expected' : `model: ${wrong} not as expected`);
  process.exitCode = wrong === 0 ? 0 : 1;
}

main();
