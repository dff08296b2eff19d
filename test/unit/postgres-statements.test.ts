import { statements } from '../../src/stores/postgres/statements';

// Mutation: without a limit, what is asked over a connection that has died waits until TCP gives it up, if ever.
it.each(Object.entries(statements('"any"')))('%s is not waited for without end', (_name, { limitMs }) => {
  expect(limitMs).toBeGreaterThan(0);
});
