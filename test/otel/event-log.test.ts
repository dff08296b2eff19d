/** What a worker logs of guarded calls. */
import type { GuardEvent } from '../../src/core';
import { eventLog } from '../../src/temporal/worker/event-log';
import { FakeClock } from '../support/fake-clock';
import { quiet } from '../support/quiet';

function setUp() {
  const clock = new FakeClock();
  const said: unknown[] = [];
  const say = (level: string) => (message: string, meta?: object) =>
    void said.push({ level, message, ...meta });
  const log = eventLog(clock, () => ({ ...quiet, info: say('info'), warn: say('warn') }));
  const event = (type: GuardEvent['type'], more: Partial<GuardEvent> = {}): void =>
    log({ type, requestId: 'order:1', action: 'charge', ...more });
  return { clock, said, event };
}

describe('the log of events', () => {
  it('has what a person should see, with its fields, and nothing of ordinary calls', () => {
    const { said, event } = setUp();
    for (const type of ['claimed', 'replayed', 'in-flight', 'settled', 'delegated', 'released'] as const)
      event(type);
    expect(said).toEqual([]);
    event('unknown', { by: 'E_PARSE' });
    event('late', { verdict: 'committed' });
    event('unwritten', { verdict: 'committed' });
    event('lease-lost');
    event('resolved', { by: 'probe', verdict: 'committed' });
    const whose = { requestId: 'order:1', action: 'charge' };
    const message = expect.stringMatching(/^activity-guard: /) as string;
    expect(said).toEqual([
      { level: 'warn', message, guardEvent: 'unknown', by: 'E_PARSE', ...whose },
      { level: 'warn', message, guardEvent: 'late', verdict: 'committed', ...whose },
      { level: 'warn', message, guardEvent: 'unwritten', verdict: 'committed', ...whose },
      { level: 'warn', message, guardEvent: 'lease-lost', ...whose },
      { level: 'info', message, guardEvent: 'resolved', by: 'probe', verdict: 'committed', ...whose },
    ]);
  });

  it('says each kind of store error once in ten seconds, and then how many it has not said', async () => {
    const { clock, said, event } = setUp();
    for (let n = 0; n < 500; n++) event('store-error', { by: 'ECONNREFUSED' });
    event('store-error', { by: '57P03', requestId: '', action: '' });
    expect(said).toMatchObject([
      { guardEvent: 'store-error', by: 'ECONNREFUSED', requestId: 'order:1' },
      { guardEvent: 'store-error', by: '57P03' },
    ]);
    expect(said[1]).not.toHaveProperty('requestId');
    await clock.advance(10_000);
    event('store-error', { by: 'ECONNREFUSED' });
    expect(said.at(-1)).toMatchObject({ by: 'ECONNREFUSED', unsaid: 499 });
  });
});
