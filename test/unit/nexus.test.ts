/** The interceptors around a Nexus handler as the SDK calls them: which scope the workflows it starts get. */
const warned: string[] = [];
jest.mock('@temporalio/worker', () => ({
  ...jest.requireActual<object>('@temporalio/worker'),
  Runtime: { instance: () => ({ logger: { warn: (message: string) => warned.push(message) } }) },
}));

// After the mock: this is compiled to `require` where it stands.
import { activityGuardInterceptors, type NexusCaller } from '../../src/temporal/worker';
import {
  headerName,
  nexusHeaderName,
  readHeader,
  writeHeader,
  type StartHeader,
} from '../../src/temporal/header';
import { nexusInterceptors } from '../../src/temporal/worker/nexus';

beforeEach(() => (warned.length = 0));

const sent = `child-${'0123456789abcdef'.repeat(2)}`;
const linkOf = (namespace: string) => ({
  type: 'temporal.api.common.v1.Link.WorkflowEvent',
  url: new URL(`temporal:///namespaces/${namespace}/workflows/order%2F1/run-1/history?eventID=5`),
});

interface Request {
  readonly headers?: Record<string, string>;
  readonly links?: { type: string; url: URL }[];
  readonly service?: string;
  readonly operation?: string;
}

interface Start {
  readonly type?: string;
  readonly args?: unknown[];
  readonly headers?: Parameters<typeof readHeader>[0];
  readonly fails?: boolean;
}

/** Starts a workflow as a handler's client does; the scope it gets. */
type Starter = (start?: Start) => Promise<string | undefined>;

/** A worker with these interceptors. */
class NexusWorker {
  constructor(private readonly interceptors: ReturnType<typeof nexusInterceptors> = nexusInterceptors()) {}

  /** One operation that reaches the worker. */
  async handle<T>(work: (start: Starter) => Promise<T>, request: Request = {}): Promise<T> {
    const { headers = { [nexusHeaderName]: sent }, links = [linkOf('team-a')] } = request;
    const { service = 'payments', operation = 'pay' } = request;
    const ctx = { headers, inboundLinks: links, service, operation };
    const inbound = this.interceptors.nexus[0]?.(ctx as never).inbound;
    let result: T | undefined;
    await inbound?.startOperation?.({ ctx, input: 'order' } as never, async () => {
      result = await work(this.start);
      return {} as never;
    });
    return result as T;
  }

  readonly start: Starter = async ({ type = 'charge', args = [1], headers = {}, fails = false } = {}) => {
    const [client] = this.interceptors.client.workflow as [
      { startWithDetails: (input: object, next: unknown) => Promise<unknown> },
    ];
    let scope: string | undefined;
    const next = async (input: { headers: Parameters<typeof readHeader>[0] }) => {
      const header = readHeader<StartHeader>(input.headers);
      scope = header?.problem ?? header?.scope;
      if (fails) throw new Error('unavailable');
      return { runId: 'run', eagerlyStarted: false };
    };
    await client
      .startWithDetails({ workflowType: type, headers, options: { args } }, next)
      .catch(() => undefined);
    return scope;
  };
}

const scopeFor = (request: Request, start?: Start, worker = new NexusWorker()): Promise<string | undefined> =>
  worker.handle((starts) => starts(start), request);

describe('the scope of a workflow that a handler starts', () => {
  // Golden: another scope would run again what workflows in flight have done.
  it('is a hash over who called, what, and what is started', async () => {
    expect(await scopeFor({})).toBe('nexus-390d66af1a1c6472898e4869f8f484eb');
  });

  it('is the same when the operation comes again', async () => {
    const other = { type: 'other', url: new URL('temporal:///namespaces/x/') };
    expect(await scopeFor({ links: [other, linkOf('team-a')] })).toBe(await scopeFor({}));
  });

  it.each<[string, Request, Start]>([
    ['scope', { headers: { [nexusHeaderName]: sent.replace('0', 'f') } }, {}],
    // Mutation: without it a caller that learns another team's scope gets that team's receipts.
    ['namespace', { links: [linkOf('team-b')] }, {}],
    ['namespace, not stated', { links: [] }, {}],
    ['service', { service: 'payouts' }, {}],
    ['operation', { operation: 'refund' }, {}],
    ['workflow', {}, { type: 'refund' }],
    ['argument', {}, { args: [2] }],
  ])('is another one for another %s', async (_, request, start) => {
    const scope = await scopeFor(request, start);
    expect(scope).toMatch(/^nexus-[0-9a-f]{32}$/);
    expect(scope).not.toBe(await scopeFor({}));
  });

  it('is another one for each of two equal starts of one handler, side by side or not', async () => {
    const twins = (start: Starter) => Promise.all([start(), start()]);
    const inTurn = async (start: Starter) => [await start(), await start()];
    const scopes = await new NexusWorker().handle(twins);
    expect(new Set(scopes).size).toBe(2);
    expect(await new NexusWorker().handle(inTurn)).toEqual(scopes);
  });

  it('is the same for a start that the handler tries again', async () => {
    const [failed, again, next] = await new NexusWorker().handle(async (start) => [
      await start({ fails: true }),
      await start(),
      await start(),
    ]);
    expect(again).toBe(failed);
    expect(next).not.toBe(again);
  });

  it('is not set twice', async () => {
    const headers = { [headerName]: writeHeader({ scope: 'set before' }) };
    expect(await scopeFor({}, { headers })).toBe('set before');
  });

  it('is not made of arguments that JSON cannot hold', async () => {
    expect(await scopeFor({}, { args: [NaN] })).toBe('start-arguments');
  });

  it.each(['start-arguments', 'cron-with-retry'])(
    'is none where the caller has none: %s',
    async (problem) => {
      expect(await scopeFor({ headers: { [nexusHeaderName]: problem } })).toBe(problem);
      expect(warned).toEqual([]);
    },
  );
});

describe('a start that is not tied to a caller', () => {
  it('gets no scope outside of a handler, though one runs', async () => {
    const worker = new NexusWorker();
    let outside: Promise<string | undefined> | undefined;
    const started = new Promise<void>((resolve) => setImmediate(resolve));
    const elsewhere = started.then(() => (outside = worker.start()));
    await worker.handle(async () => elsewhere);
    expect(await outside).toBeUndefined();
  });

  it('gets no scope without the header, and nothing is said', async () => {
    expect(await scopeFor({ headers: {} })).toBeUndefined();
    expect(warned).toEqual([]);
  });

  it.each([
    ['', 'empty'],
    ['01a2067e-c64b-70af-b79d-8758d955ef4f', "a run's own scope"],
    [`nexus-${'0'.repeat(32)}`, 'a scope that a handler gave'],
    [`${sent}~2`, 'a later run'],
    [`${sent}\n`, 'a line more'],
    [sent.toUpperCase(), 'in capitals'],
    [`child-${'0'.repeat(100_000)}`, 'very long'],
  ])('gets no scope from a header that the guard does not write: %#', async (header) => {
    expect(await scopeFor({ headers: { [nexusHeaderName]: header } })).toBeUndefined();
    expect(warned).toEqual([expect.stringContaining('nexus-header')]);
    if (header !== '') expect(warned[0]).not.toContain(header);
  });

  it('one warning for all broken headers of a worker', async () => {
    const worker = new NexusWorker();
    for (const broken of ['a', 'b']) {
      await scopeFor({ headers: { [nexusHeaderName]: broken } }, {}, worker);
    }
    expect(warned).toHaveLength(1);
  });

  it('gets no scope from a caller that is not trusted', async () => {
    const asked: NexusCaller[] = [];
    const trustNexusCaller = (caller: NexusCaller): boolean => (
      asked.push(caller), caller.namespace === 'team a'
    );
    const made = activityGuardInterceptors({ receipts: {} as never, activities: {}, trustNexusCaller });
    const worker = new NexusWorker(made);
    expect(await scopeFor({}, {}, worker)).toBeUndefined();
    expect(await scopeFor({ links: [linkOf('team%20a')] }, {}, worker)).toBeDefined();
    expect(asked.map(({ namespace }) => namespace)).toEqual(['team-a', 'team a']);
  });
});
