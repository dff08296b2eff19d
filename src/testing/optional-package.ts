import { createRequire } from 'node:module';
import { codeOf, TestStackError } from './error';

/**
 * Loads a package that only some callers need, at the moment they need it. `require` and not
 * `import()`: Jest refuses native dynamic imports without a flag of Node's.
 */
export function requirePackage<T>(name: string, purpose: string): T {
  try {
    return createRequire(__filename)(name) as T;
  } catch (cause) {
    if (codeOf(cause) !== 'MODULE_NOT_FOUND') throw cause;
    throw new TestStackError(
      'PACKAGE_MISSING',
      `The package ${name} is needed ${purpose}. Install it: npm install --save-dev ${name}`,
      { cause },
    );
  }
}
