import { basename } from 'node:path';

/** The counts of Jest's aggregated result that are used here. */
interface Counts {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  /** Test files that could not be run, which have no tests to count. */
  numRuntimeErrorTestSuites: number;
  testResults: readonly {
    readonly testFilePath: string;
    readonly numPassingTests: number;
    readonly numFailingTests: number;
    readonly testResults: readonly { readonly status: string; readonly ancestorTitles: readonly string[] }[];
  }[];
}

/** In the title of a suite that is skipped because something is missing here; the reason follows it. */
const notTested = 'NOT TESTED';

/** The titles of whole suites that could not be run here: their absence must not look like success. */
function suitesNotTested({ testResults }: Counts): string[] {
  const skipped = testResults
    .flatMap((file) => file.testResults)
    .filter(({ status }) => status === 'pending');
  const titles = skipped.flatMap(({ ancestorTitles }) => ancestorTitles.filter((t) => t.includes(notTested)));
  return [...new Set(titles)];
}

/** The stores' contract is one suite, so that each of them must have passed as many. */
const contractCounts = ({ testResults }: Counts): string[] =>
  testResults
    .filter(({ testFilePath }) => testFilePath.includes('/contract/'))
    .map(({ testFilePath, numPassingTests, numFailingTests }) => {
      const store = basename(testFilePath, '.test.js');
      return `contract on ${store}: ${numPassingTests} passed, ${numFailingTests} failed`;
    });

/**
 * Ends the output with one line for people and scripts: "12 passed, 0 failed, 1 skipped", and before it one for each
 * store of the contract, and for each suite that could not be run here. A test file that cannot be run counts as one failure, and a run without any test as an error.
 */
class SummaryReporter {
  private isEmpty = true;

  onRunComplete(_contexts: unknown, counts: Counts): void {
    const passed = counts.numPassedTests;
    const failed = counts.numFailedTests + counts.numRuntimeErrorTestSuites;
    const skipped = counts.numPendingTests + counts.numTodoTests;
    this.isEmpty = passed + failed === 0;
    const line = `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`;
    const stores = contractCounts(counts).map((count) => `${count}\n`);
    // Jest's own summary and the global teardown print after the reporters: this is the last moment.
    const missing = suitesNotTested(counts).map((title) => `!!! ${title}\n`);
    process.once('exit', () => process.stdout.write(`${stores.join('')}${missing.join('')}${line}`));
  }

  getLastError(): Error | undefined {
    return this.isEmpty ? new Error('No test was run') : undefined;
  }
}

// Jest wants the class itself as the module.
export = SummaryReporter;
