// Which entries load: those whose packages are installed do; the others fail, and the error names the missing package.
//   node entries.cjs pg @temporalio/common …   the optional peers that are installed
const assert = require('node:assert/strict');

/** What each entry needs when it is loaded; docs/compatibility.md has the same. */
const needs = require('./needs.json');

const installed = new Set(process.argv.slice(2));
const { exports: entries } = require('activity-guard/package.json');

async function main() {
  const names = Object.keys(entries).filter((name) => name !== './package.json');
  assert.deepEqual(
    Object.keys(needs).sort(),
    names.sort(),
    'needs.json lists other entries than package.json',
  );
  for (const name of names) {
    const entry = `activity-guard${name.slice(1)}`;
    const missing = needs[name].filter((peer) => !installed.has(peer));
    const error = await import(entry).then(
      () => undefined,
      (thrown) => thrown,
    );
    if (missing.length === 0) {
      assert.equal(error, undefined, `${entry} did not load: ${error?.message}`);
      continue;
    }
    assert.match(
      String(error?.code),
      /^(ERR_)?MODULE_NOT_FOUND$/,
      `${entry}: ${error?.message ?? 'it loaded'}`,
    );
    // Which one it names is up to the order of its imports.
    assert.ok(
      missing.some((peer) => error.message.includes(`'${peer}`)),
      `${entry}: ${error.message}`,
    );
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
