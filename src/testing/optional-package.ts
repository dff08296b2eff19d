import { createRequire } from 'node:module';

import { optionalPackages, PackageMissingError } from '../optional-package';
import { TestStackError } from './error';

/**
 * Loads a package that only some callers need, at the moment they need it. `require` and not
 * `import()`: Jest refuses native dynamic imports without a flag of Node's.
 */
export function requirePackage<T>(name: string, purpose: string): T {
  try {
    return optionalPackages([name], purpose, () => createRequire(__filename)(name) as T);
  } catch (cause) {
    if (!(cause instanceof PackageMissingError)) throw cause;
    throw new TestStackError('PACKAGE_MISSING', cause.message, { cause });
  }
}
