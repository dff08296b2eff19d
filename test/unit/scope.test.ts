import { rerunOf, scopeOf } from '../../src/temporal/scope';

type Info = Parameters<typeof rerunOf>[0];
const first: Info = {
  attempt: 1,
  firstExecutionRunId: 'first',
  originalExecutionRunId: 'original',
  runId: 'original',
  startTime: new Date(7),
};
const call = { kind: 'activity', action: 'charge', hash: 'h', id: 'i' } as const;

describe('the scope of a run', () => {
  it.each<[string, Partial<Info>, Parameters<typeof scopeOf>[1], ReturnType<typeof scopeOf>]>([
    ['a first run, and its resets, is the original run', {}, undefined, { scope: 'original', open: [] }],
    [
      'a workflow retry is the first run of the chain',
      { attempt: 2 },
      undefined,
      { scope: 'first', open: [] },
    ],
    ['a child is what its parent says', {}, { scope: 'child' }, { scope: 'child', open: [] }],
    [
      "a child's retry is what its parent says",
      { attempt: 3 },
      { scope: 'child' },
      { scope: 'child', open: [] },
    ],
    [
      'the next run after a continue-as-new is what the run before it says, with its open calls',
      { continuedFromExecutionRunId: 'before' },
      { scope: 's~2', from: 'before', open: [call] },
      { scope: 's~2', open: [call] },
    ],
    [
      'a run that a header of another run reached is its own',
      { continuedFromExecutionRunId: 'another' },
      { scope: 's~2', from: 'before', open: [call] },
      { scope: 'original', open: [] },
    ],
    [
      'a retry after a continue-as-new keeps what the header says, although its predecessor is another run',
      { attempt: 2, continuedFromExecutionRunId: 'the failed attempt' },
      { scope: 's~2', from: 'before', open: [call] },
      { scope: 's~2', open: [call] },
    ],
    ['a cron tick is its own run', { cronSchedule: '* * * * *' }, undefined, { scope: 'original', open: [] }],
    [
      "a cron tick of a child is its own run, or each tick would get the first one's receipts",
      { cronSchedule: '* * * * *' },
      { scope: 'child' },
      { scope: 'original', open: [] },
    ],
    [
      'a cron tick with a retry policy cannot be told from a retry',
      { cronSchedule: '* * * * *', retryPolicy: { maximumAttempts: 2 } },
      undefined,
      { problem: 'cron-with-retry' },
    ],
    [
      'what was started by a workflow without a scope has none',
      { attempt: 2 },
      { problem: 'start-arguments' },
      { problem: 'start-arguments' },
    ],
  ])('%s', (_name, info, header, scope) => {
    expect(scopeOf({ ...first, ...info }, header)).toEqual(scope);
  });
});

describe('what a run repeats', () => {
  it.each<[string, Partial<Info>, Parameters<typeof rerunOf>[1], ReturnType<typeof rerunOf>]>([
    ['is nothing for a first run', {}, undefined, {}],
    ['is nothing for a child of one', {}, { scope: 'child' }, {}],
    ['is the first run of the chain for a workflow retry', { attempt: 2 }, undefined, { rerunOf: 'first' }],
    [
      'is the original run for a reset, and when that began',
      { runId: 'new' },
      undefined,
      { rerunOf: 'original', rerunAt: 7 },
    ],
    [
      'is what the sender repeats',
      {},
      { scope: 'child', rerunOf: "the parent's", rerunAt: 8 },
      { rerunOf: "the parent's", rerunAt: 8 },
    ],
  ])('%s', (_name, info, header, repeated) => {
    expect(rerunOf({ ...first, ...info }, header)).toEqual(repeated);
  });
});
