// The tests are compiled by tsc: Jest runs plain JavaScript and transforms nothing.
module.exports = {
  roots: ['<rootDir>/dist/test'],
  testMatch: ['**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  // One PostgreSQL and one Temporal server serve the whole run.
  globalSetup: '<rootDir>/dist/test/support/global-setup.js',
  globalTeardown: '<rootDir>/dist/test/support/global-teardown.js',
  reporters: ['default', '<rootDir>/dist/test/support/summary-reporter.js'],
  testTimeout: 60_000,
  maxWorkers: 2,
  watchman: false,
};
