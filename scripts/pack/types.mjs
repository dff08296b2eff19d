// The published types, as strict users compile them: each module resolution, the newest TypeScript and the oldest we support.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { root, run } from './kit.mjs';

export const oldestTypeScript = '5.4';

const typeCheck = join(root, 'scripts/pack/type-check.mjs');

const strict = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  // Our own declarations are checked, too; type-check.mjs leaves out those of other packages.
  skipLibCheck: false,
  target: 'ES2022',
  lib: ['ES2022'],
  types: ['node'],
  outDir: 'out',
};

const modes = [
  ['Node16', { module: 'Node16', moduleResolution: 'Node16' }],
  ['NodeNext', { module: 'NodeNext', moduleResolution: 'NodeNext' }],
  ['bundler', { module: 'ESNext', moduleResolution: 'Bundler', noEmit: true }],
];

async function compile(folder, compiler, [mode, settings], files) {
  const config = join(folder, `tsconfig.${mode}.json`);
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...strict, ...settings }, files }));
  return run(process.execPath, [typeCheck, compiler, config], { cwd: folder });
}

/** As CommonJS and as an ES module, which are run, too; and a use of every entry. */
function writePrograms(folder) {
  writeFileSync(join(folder, 'typed.mts'), readFileSync(join(folder, 'typed.ts')));
  return ['typed.ts', 'typed.mts', 'typed-entries.ts'];
}

export async function checkTypes({ folder, rows, name }) {
  const files = writePrograms(folder);
  const compilers = [
    ['newest', join(folder, '../node_modules/typescript'), modes],
    ['oldest', join(folder, 'node_modules/typescript-oldest'), modes.filter(([mode]) => mode !== 'NodeNext')],
  ];
  for (const [which, compiler, itsModes] of compilers) {
    if (!existsSync(compiler)) continue;
    const { version } = JSON.parse(readFileSync(join(compiler, 'package.json'), 'utf8'));
    for (const mode of itsModes) {
      rows.add(
        name,
        `strict, ${mode[0]}, ${which} TypeScript`,
        await compile(folder, compiler, mode, files),
        version,
      );
      if (mode[1].noEmit) continue;
      for (const program of ['out/typed.js', 'out/typed.mjs'])
        rows.add(name, `${program} of ${mode[0]}`, await run(process.execPath, [program], { cwd: folder }));
    }
  }
}
