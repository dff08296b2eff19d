/** Packages that only some users need, loaded at the moment they are needed. */

/** A package is not installed; the message says which, what for, and how to install it. */
export class PackageMissingError extends Error {}

/**
 * Runs `load`, which requires packages.
 * @param names of the packages, as they are installed
 * @param purpose what they are needed for, such as "to serve"
 * @throws PackageMissingError where one is not installed
 */
export function optionalPackages<T>(names: readonly string[], purpose: string, load: () => T): T {
  try {
    return load();
  } catch (cause) {
    const { code } = cause as { readonly code?: unknown };
    // The second one is import's, for packages of ES modules alone.
    if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const what = names.length === 1 ? 'The package' : 'The packages';
    throw new PackageMissingError(
      `${what} ${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} needed ${purpose}. Install: npm install ${names.join(' ')}`,
      { cause },
    );
  }
}
