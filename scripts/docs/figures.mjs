// Tables that are made of the figures in docs/*.json, between `<!-- figures NAME -->` and `<!-- figures end -->`.
import { readFileSync, writeFileSync } from 'node:fs';

import { readPages } from './pages.mjs';

const dataOf = (name) => JSON.parse(readFileSync(`docs/${name}-data.json`, 'utf8'));
const number = (value, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const table = ([head, ...rows]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** All cells of a system together. Where the fault did not land often enough, a cell says nothing. */
function totalsOf({ results }, system) {
  const cells = results.filter((result) => result.system === system && result.notApplicable === undefined);
  const told = cells.filter(({ isVacuous }) => !isVacuous);
  const sum = (name) => told.reduce((total, cell) => total + cell[name], 0);
  const [n, duplicated, lost, stuck] = ['n', 'duplicated', 'lost', 'stuck'].map(sum);
  const [misled, persons] = ['misled', 'decidedByPersons'].map(sum);
  const fine = told.filter(
    (cell) => cell.duplicated + cell.lost + cell.stuck + cell.misled === 0 && cell.resolved === cell.landed,
  ).length;
  return {
    n,
    duplicated,
    lost,
    stuck,
    misled,
    persons,
    fine,
    told: told.length,
    vacuous: cells.length - told.length,
  };
}

function proofTable(isWanted, { withPersons }) {
  const proof = dataOf('proof');
  const rows = proof.systems.filter(isWanted).map(({ name, title }) => {
    const { n, duplicated, lost, stuck, misled, persons, fine, told, vacuous } = totalsOf(proof, name);
    const cells = `${fine} of ${told}${vacuous > 0 ? ` (${vacuous} say nothing)` : ''}`;
    return [title, cells, n, duplicated, lost, stuck, misled, ...(withPersons ? [persons] : [])].map(String);
  });
  const persons = withPersons ? ['decided by a person'] : [];
  return table([
    ['system', 'cells without harm', 'intents', 'twice', 'lost', 'stuck', 'misled', ...persons],
    ...rows,
  ]);
}

function speedTable() {
  const { results, startedAt } = dataOf('performance');
  const rows = results.peers
    .filter(({ loads }) => loads)
    .map(({ name, loads }) => [
      name,
      ...loads.flatMap(({ opsPerS, ratio }) => [number(opsPerS.median), number(ratio.median, 2)]),
    ]);
  const measured = results.peers.find(({ loads }) => loads)?.loads ?? [];
  const head = measured.flatMap(({ concurrency }) => [`c = ${concurrency}, per second`, 'ratio']);
  return `${table([['contender', ...head], ...rows])}\n\nTaken ${startedAt.slice(0, 10)}.`;
}

const figures = {
  ours: () => proofTable(({ isOurs }) => isOurs, { withPersons: true }),
  systems: () => proofTable(() => true, { withPersons: false }),
  speed: speedTable,
};

/** @returns pages whose figures are others than those of the data; with `write` they are written anew. */
export function checkFigures({ write = false } = {}) {
  const problems = [];
  let count = 0;
  for (const { file, lines } of readPages()) {
    const text = lines.join('\n');
    const fresh = text.replace(
      /(<!-- figures (\w+) -->)[^]*?(<!-- figures end -->)/g,
      (_all, begin, name, end) => {
        count++;
        if (!figures[name]) throw new Error(`${file}: there are no figures "${name}"`);
        return `${begin}\n\n${figures[name]()}\n\n${end}`;
      },
    );
    if (fresh === text) continue;
    if (write) writeFileSync(file, fresh);
    else
      problems.push(`${file}: its figures are not those of docs/*-data.json; npm run docs:write writes them`);
  }
  return { problems, count };
}
