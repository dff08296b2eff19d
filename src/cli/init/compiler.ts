/** The TypeScript compiler of the project that is looked at: it knows the project's types, and positions exactly. */
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type * as TypeScript from 'typescript';

export type { TypeScript };

/** As `import ts from 'typescript'` has it. */
export type Compiler = typeof TypeScript;

/** Nothing is changed: what is there is not understood, or is not enough. */
export class Refusal extends Error {}

/** A package as seen from a folder; `undefined` where there is none. */
export function fromFolder<T>(folder: string, name: string): T | undefined {
  try {
    return createRequire(join(folder, 'package.json'))(name) as T;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code === 'MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
    throw error;
  }
}

/** @throws Refusal where there is no compiler: TypeScript 7 has none that a program can use. */
export function compilerFor(folder: string): Compiler {
  for (const place of [folder, __dirname]) {
    const found = fromFolder<Partial<Compiler>>(place, 'typescript');
    if (typeof found?.createProgram === 'function') return found as Compiler;
  }
  throw new Refusal(
    'TypeScript is not installed in this project, or is one without an interface for programs (7 has none). Bring one along: npx -p typescript@6 -p activity-guard activity-guard init',
  );
}
