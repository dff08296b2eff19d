/** What a Guard promises to the compiler. Wrong types fail the build, not the run. */
import { expectTypeOf } from 'expect-type';

import { committed, Guard, memoryReceipts, type ExecutionReceipt, type Wrapped } from '../../src';

interface Mail {
  readonly to: string;
}

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

describe('the types of a Guard', () => {
  it('know what an effect gets and gives', async () => {
    const guard = new Guard({ receipts: memoryReceipts() });
    const mail: Mail = { to: 'a' };
    const receipt = await guard.execute({
      ...{ requestId: '1', action: 'send', payload: mail },
      run: async ({ to }, claim) => [to, claim.epoch] as const,
      onUnknown: ({ payload }) => committed([payload.to, 1] as const),
    });
    expectTypeOf(receipt).toEqualTypeOf<ExecutionReceipt<readonly [string, number]>>();
    if (receipt.ok) expectTypeOf(receipt.result).toEqualTypeOf<readonly [string, number]>();
    else expectTypeOf(receipt.reason).toEqualTypeOf<`execute_failed:${string}`>();
    expect(receipt.ok).toBe(true);
  });

  it('keep those of a wrapped function', async () => {
    const guard = new Guard({ receipts: memoryReceipts() });
    const send = (mail: Mail, times = 1): number => mail.to.length * times;
    const safe = guard.wrap({ requestId: ({ to }: Mail) => to }, send);
    expectTypeOf(safe).toEqualTypeOf<Wrapped<typeof send>>();
    expectTypeOf(safe).returns.toEqualTypeOf<Promise<number>>();
    expect(await safe({ to: 'ab' }, 3)).toBe(6);
  });

  it('refuse what cannot be', () => {
    const guard = new Guard({ receipts: memoryReceipts() });
    // @ts-expect-error: no workflow waits for a decision
    const asks = () => guard.execute({ requestId: '1', action: 'a', run: () => 1, onUnknown: 'ask' });
    const lie = () => committed('x');
    // @ts-expect-error: the probe gives something else than the effect
    const lies = () => guard.execute({ requestId: '1', action: 'a', run: () => 1, onUnknown: lie });
    // @ts-expect-error: an intent needs a name
    const nameless = () => guard.execute({ action: 'a', run: () => 1 });
    expect([asks, lies, nameless]).toHaveLength(3);
  });
});
