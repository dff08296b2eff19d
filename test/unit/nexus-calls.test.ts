/** The workflow interceptor around a Nexus operation as the SDK calls it: which scope it sends, and when a slot closes. */
import { AsyncLocalStorage } from 'node:async_hooks';

let info: Record<string, unknown> = {};
jest.mock('@temporalio/workflow', () => ({
  ...jest.requireActual<object>('@temporalio/workflow'),
  AsyncLocalStorage,
  workflowInfo: () => ({ ...info, unsafe: { isReplaying: false } }),
}));

// After the mock: this is compiled to `require` where it stands.
import { nexusHeaderName, readHeader, type ScopeHeader } from '../../src/temporal/header';
import { interceptors } from '../../src/temporal/workflow/interceptors';

type Headers = Record<string, string>;
interface Operation {
  readonly endpoint: string;
  readonly service: string;
  readonly operation: string;
  readonly input: unknown;
  readonly headers: Headers;
}

const never = new Promise<never>(() => undefined);
const pay: Operation = {
  ...{ endpoint: 'team-b', service: 'payments', operation: 'pay' },
  ...{ input: { order: 1 }, headers: {} },
};

/** How an operation ends. */
const ends = {
  well: async () => ({ token: 'token', result: Promise.resolve('paid') }),
  badly: async () => ({ token: 'token', result: Promise.reject(new Error('the operation failed')) }),
  unstarted: async () => Promise.reject(new Error('no such operation')),
  never: async () => ({ token: 'token', result: never }),
};

type Outbound = NonNullable<ReturnType<typeof interceptors>['outbound']>[number];
let outbound: Outbound;
beforeEach(() => {
  info = { attempt: 1, firstExecutionRunId: 'run', originalExecutionRunId: 'run', runId: 'run' };
  const [made] = interceptors().outbound ?? [];
  if (!made) throw new Error('no interceptor');
  outbound = made;
});

/** Calls an operation; the headers it is sent with. */
async function send(more: Partial<Operation> = {}, end: keyof typeof ends = 'well'): Promise<Headers> {
  let headers: Headers = {};
  const next = async (input: Operation): Promise<unknown> => {
    headers = input.headers;
    return ends[end]();
  };
  const input = { ...pay, ...more, options: {}, seq: 1 };
  const output = outbound.startNexusOperation?.(input, next as never);
  await output?.then(({ result }) => (end === 'never' ? undefined : result)).catch(() => undefined);
  return headers;
}

const scopeOf = async (...args: Parameters<typeof send>): Promise<string | undefined> =>
  (await send(...args))[nexusHeaderName];

// Golden: another scope would be another intent for what a handler in flight has started.
it('an operation is sent with a scope, and with the headers it had', async () => {
  expect(await send({ headers: { trace: 'id' } })).toEqual({
    trace: 'id',
    [nexusHeaderName]: 'child-56481c32f6d9e1aedcbe089e8f981709',
  });
});

it('an equal operation after a result has another scope', async () => {
  expect(await scopeOf()).not.toBe(await scopeOf());
});

it('an equal operation beside one that runs has another scope', async () => {
  expect(await scopeOf({}, 'never')).not.toBe(await scopeOf());
});

// Mutation: a slot that any end closes. What the operation started may have acted.
it.each(['badly', 'unstarted'] as const)('an operation that ended %s keeps its scope', async (end) => {
  const first = await scopeOf({}, end);
  expect(await scopeOf({}, end)).toBe(first);
  expect(await scopeOf()).toBe(first);
  expect(await scopeOf()).not.toBe(first);
});

it.each<Partial<Operation>>([
  { endpoint: 'team-c' },
  { service: 'payouts' },
  { operation: 'refund' },
  { input: { order: 2 } },
])('another operation has another scope: %j', async (other) => {
  expect(await scopeOf(other, 'badly')).not.toBe(await scopeOf({}, 'badly'));
});

it('an open operation is carried over a continue-as-new', async () => {
  const open = await scopeOf({}, 'badly');
  let header: Partial<ScopeHeader> | undefined;
  const next = async (input: { headers: Parameters<typeof readHeader>[0] }): Promise<never> => {
    header = readHeader<ScopeHeader>(input.headers);
    return never;
  };
  void outbound.continueAsNew?.({ args: [], headers: {}, options: {} } as never, next);
  expect(header?.open).toMatchObject([{ id: open }]);
});

it('an operation that has a scope keeps it', async () => {
  expect(await scopeOf({ headers: { [nexusHeaderName]: 'set before' } })).toBe('set before');
});

it('an input that JSON cannot hold is said, so that nothing runs by itself', async () => {
  expect(await send({ input: NaN, headers: {} })).toEqual({ [nexusHeaderName]: 'start-arguments' });
});
