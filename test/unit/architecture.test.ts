/** docs/architecture.md says which folder imports from which: its table is the graph of imports, no more and no less. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** From each folder, those that it imports from. */
type Imports = ReadonlyMap<string, ReadonlySet<string>>;

interface Cruised {
  readonly modules: readonly {
    readonly source: string;
    readonly dependencies: readonly { readonly resolved: string }[];
  }[];
}

/** A realm of Temporal is a folder of its own; files right in `src` are in `.`. */
const folderOf = (file: string): string | undefined =>
  /^src\/(temporal\/[^/.]+(?=\/)|[^/.]+(?=\/))?/
    .exec(file)
    ?.slice(1)
    .map((name) => name ?? '.')[0];

function importsIn({ modules }: Cruised): Imports {
  const found = new Map<string, Set<string>>();
  for (const { source, dependencies } of modules) {
    const from = folderOf(source);
    if (from === undefined) continue;
    const to = found.get(from) ?? new Set();
    found.set(from, to);
    for (const { resolved } of dependencies) {
      const folder = folderOf(resolved);
      if (folder !== undefined && folder !== from) to.add(folder);
    }
  }
  return found;
}

const named = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

function importsSaid(page: string): Imports {
  const [, ...lines] = page.slice(page.indexOf('| folder |')).split('\n').slice(1);
  const rows = lines.slice(0, lines.indexOf('')).map((line) => line.split('|').map((cell) => cell.trim()));
  return new Map(
    rows.map(([, folder = '', , imports = '']) => [named(folder)[0] ?? '', new Set(named(imports))]),
  );
}

/** What the page lacks, and what it says that is not so. */
function differences(said: Imports, found: Imports): string[] {
  const edges = (imports: Imports): Set<string> =>
    new Set([...imports].flatMap(([from, all]) => [from, ...[...all].map((to) => `${from} -> ${to}`)]));
  const [saidEdges, foundEdges] = [edges(said), edges(found)];
  return [
    ...[...foundEdges].filter((edge) => !saidEdges.has(edge)).map((edge) => `not listed: ${edge}`),
    ...[...saidEdges].filter((edge) => !foundEdges.has(edge)).map((edge) => `listed and gone: ${edge}`),
  ];
}

const page = readFileSync('docs/architecture.md', 'utf8');

describe('the table of folders', () => {
  const depcruise = 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'; // its exports lack it
  const options = { encoding: 'utf8', maxBuffer: 1 << 26, timeout: 50_000 } as const;
  const cruised = execFileSync(process.execPath, [depcruise, 'src', '--output-type', 'json'], options);
  const found = importsIn(JSON.parse(cruised) as Cruised);

  it('is the graph of imports', () => {
    expect(found.size).toBeGreaterThan(10);
    expect(differences(importsSaid(page), found)).toEqual([]);
  });

  const lies: [string, string | RegExp, string, string[]][] = [
    ['a folder that is missing', /^\| `otel` .*\n/m, '', ['not listed: otel', 'not listed: otel -> core']],
    ['an import that is not listed', '`.` `claims` `core`', '`.` `core`', ['not listed: tools -> claims']],
    [
      'an import that is gone',
      '| `core` `ids` `operator` |',
      '| `core` `ids` `operator` `http` |',
      ['listed and gone: dashboard -> http'],
    ],
  ];

  it.each(lies)('tells of %s', (_what, text, otherwise, told) => {
    expect(differences(importsSaid(page.replace(text, otherwise)), found)).toEqual(told);
  });
});
