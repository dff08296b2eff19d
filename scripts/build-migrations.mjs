// Turns the numbered files sql/*.sql into src/stores/postgres/migrations.generated.ts, so that nothing is read
// from disk at run time. A released migration never changes: its SHA-256 is recorded in sql/checksums.json.
//
//   node scripts/build-migrations.mjs           writes the module and records new files (npm run gen)
//   node scripts/build-migrations.mjs --keep    writes the module, records nothing (part of npm run build)
//   node scripts/build-migrations.mjs --check   writes nothing, fails if anything is out of date
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const mode = process.argv[2] ?? '--record';
const target = 'src/stores/postgres/migrations.generated.ts';
const ledger = 'sql/checksums.json';
const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

function fail(message) {
  console.error(message);
  process.exit(1);
}

function readMigrations() {
  const files = existsSync('sql') ? readdirSync('sql').filter((file) => file.endsWith('.sql')) : [];
  return files.sort().map((file) => {
    const match = /^(\d{6})(?:[-_][a-z0-9_-]+)?\.sql$/.exec(file);
    if (!match) fail(`sql/${file}: name it like 000001.sql or 000001-what-it-does.sql`);
    const sql = readFileSync(`sql/${file}`, 'utf8');
    const sha256 = createHash('sha256').update(sql).digest('hex');
    return { file, number: Number(match[1]), name: file.slice(0, -'.sql'.length), sha256, sql };
  });
}

function checkFrozen(migrations, recorded) {
  for (const [file, sha256] of Object.entries(recorded)) {
    const found = migrations.find((migration) => migration.file === file);
    if (found?.sha256 === sha256) continue;
    fail(
      `sql/${file} is frozen and was ${found ? 'changed' : 'removed'}: databases out there have run it. Restore it and ` +
        `write a new migration. (If no release ever had it, take its line out of ${ledger} first.)`,
    );
  }
}

function moduleText(migrations) {
  const row = ({ number, name, sha256, sql }) =>
    `  {\n    number: ${number},\n    name: ${JSON.stringify(name)},\n    sha256: ${JSON.stringify(sha256)},\n    sql: ${JSON.stringify(sql)},\n  },\n`;
  return (
    '// Generated from sql/*.sql by scripts/build-migrations.mjs. Do not edit.\n\n' +
    'export const migrations: readonly {\n  readonly number: number;\n  readonly name: string;\n' +
    `  readonly sha256: string;\n  readonly sql: string;\n}[] = [\n${migrations.map(row).join('')}];\n`
  );
}

function checkNumbers(migrations) {
  const wrong = migrations.findIndex(({ number }, index) => number !== index + 1);
  if (wrong >= 0)
    fail(`sql/${migrations[wrong].file}: number ${wrong + 1} was expected; numbers have no gaps`);
}

/** Writes only what differs, so that an incremental build has nothing to do. */
function update(path, text) {
  if (read(path) === text) return;
  if (mode === '--check') fail(`${path} is not up to date: run npm run gen`);
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
}

const migrations = readMigrations();
checkFrozen(migrations, JSON.parse(read(ledger) ?? '{}'));
checkNumbers(migrations);
if (migrations.length > 0) {
  update(target, moduleText(migrations));
  const checksums = Object.fromEntries(migrations.map(({ file, sha256 }) => [file, sha256]));
  if (mode !== '--keep') update(ledger, `${JSON.stringify(checksums, null, 2)}\n`);
} else if (existsSync(target)) {
  fail(`${target} exists, but there is no sql/*.sql`);
}
