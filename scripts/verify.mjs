// npm run verify: every check but the tests. One line per check with its time; the output of those that failed
// comes at the end.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

const script = (name) => ['npm', 'run', '--silent', name];
const checks = {
  gen: script('check:gen'),
  lint: script('check:lint'),
  format: script('check:format'),
  deps: script('check:deps'),
  package: script('check:package'),
  unused: script('check:unused'),
  size: script('check:size'),
  style: script('check:style'),
  supply: script('check:supply'),
  docs: script('docs:check'),
};

/** What a check that has passed tells in its line. */
const notes = { size: /Size:\s+(.+)/, package: /npm pack: (.+)/ };

function run([command, ...args]) {
  return new Promise((done) => {
    const options = {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    };
    const child = spawn(command, args, { ...options, shell: process.platform === 'win32' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => (output += error.message));
    child.on('close', (status) => done({ output, passed: status === 0 }));
  });
}

const failures = [];
async function check(name, command) {
  const start = performance.now();
  const { output, passed } = await run(command);
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
  const note = (passed && notes[name]?.exec(output)?.[1]) || '';
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(8)} ${seconds} s  ${note}`.trimEnd());
  if (!passed) failures.push({ name, output });
}

await check('build', script('build'));
const queue = Object.entries(checks);
const worker = async () => {
  for (let next = queue.shift(); next; next = queue.shift()) await check(...next);
};
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker));

for (const { name, output } of failures) console.error(`\n--- ${name}\n${output.trim()}`);
console.log(
  failures.length === 0
    ? 'verify: all checks passed'
    : `\nverify: ${failures.map((f) => f.name).join(', ')} failed`,
);
process.exitCode = failures.length === 0 ? 0 : 1;
