/** The counts of Jest's aggregated result that are used here. */
interface Counts {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  /** Test files that could not be run, which have no tests to count. */
  numRuntimeErrorTestSuites: number;
}

/**
 * Ends the output with one line for people and scripts: "12 passed, 0 failed, 1 skipped". A test
 * file that cannot be run counts as one failure, and a run without any test as an error.
 */
class SummaryReporter {
  private isEmpty = true;

  onRunComplete(_contexts: unknown, counts: Counts): void {
    const passed = counts.numPassedTests;
    const failed = counts.numFailedTests + counts.numRuntimeErrorTestSuites;
    const skipped = counts.numPendingTests + counts.numTodoTests;
    this.isEmpty = passed + failed === 0;
    const line = `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`;
    // Jest's own summary and the global teardown print after the reporters: this is the last moment.
    process.once('exit', () => process.stdout.write(line));
  }

  getLastError(): Error | undefined {
    return this.isEmpty ? new Error('No test was run') : undefined;
  }
}

// Jest wants the class itself as the module.
export = SummaryReporter;
