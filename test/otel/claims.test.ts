/** Claims for effects that run elsewhere are told as guarded calls are: by HTTP, by MCP, and by what finds them out. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { Guard, memoryReceipts, type ReceiptStore } from '../../src';
import { claimFor, renewFor, settleFor, type ClaimTerms, type Settling } from '../../src/claims';
import { hashOfWrittenId, receiptKey } from '../../src/ids';
import { claimServer } from '../../src/tools/mcp';
import { outcomeOf, over, requestFor } from '../contract/rows';
import { cliMain } from '../support/cli-process';
import { calling, clientOf } from '../support/mcp';
import { Observed } from '../support/observed';
import { scratchSchema } from '../support/scratch-schema';
import { client, startServing, stop } from '../support/serving';
import { until } from '../support/waiting';

let observed: Observed;
beforeAll(async () => (observed = await Observed.start()));
afterAll(() => observed.stop());
beforeEach(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  observed.take();
});
afterEach(() => jest.restoreAllMocks());

const secret = 'sk_live_4242';
const mail = { requestId: 'email:1', action: 'send_email', payload: { to: secret } };

/** The steps since the last look, with their answers; no span holds a payload. */
const told = (): string[] => {
  const spans = observed.take();
  expect(JSON.stringify(spans)).not.toContain(secret);
  return spans.map(({ name, attributes }) => {
    expect(attributes['activity_guard.action']).toBe(mail.action);
    return `${name.replace('activity_guard.', '')} ${String(attributes['activity_guard.answer'])}`;
  });
};

function setUp(receipts: ReceiptStore = memoryReceipts()) {
  const { telemetry } = observed;
  return {
    receipts,
    claim: (more: Partial<ClaimTerms> = {}) => claimFor(receipts, { ...mail, ...more }, telemetry),
    settle: (token: string, more: Partial<Settling> = {}) =>
      settleFor(receipts, { requestId: mail.requestId, token, outcome: 'committed', ...more }, telemetry),
    renew: (token: string) =>
      renewFor(receipts, { requestId: mail.requestId, token, leaseFor: '1m' }, telemetry),
  };
}

type Claimed = { readonly token: string };
const tokenOf = async (claim: Promise<unknown>): Promise<string> => ((await claim) as Claimed).token;
/** A series of a scrape: its value. */
const valueOf = (scraped: string, name: string, ...having: string[]): number =>
  Number(
    scraped
      .split('\n')
      .find((line) => line.startsWith(`${name}{`) && having.every((text) => line.includes(`"${text}"`)))
      ?.split(' ')
      .at(-1) ?? 0,
  );

describe('a claim for an effect that runs elsewhere', () => {
  it('is told by its answer, and a settlement by what was written', async () => {
    const { claim, settle } = setUp();
    const token = await tokenOf(claim());
    await claim();
    await claim({ payload: 'another' });
    expect(told()).toEqual(['claim claimed', 'claim in-flight', 'claim reused']);
    await settle(token, { result: secret });
    await claim();
    await settle(token, { outcome: 'rejected', result: secret });
    expect(told()).toEqual(['settle committed', 'claim replayed', 'settle late']);
  });

  it.each([
    ['rejected', 'settle rejected', 'claim replayed'],
    ['not-committed', 'settle released', 'claim claimed'],
    ['unknown', 'settle unknown', 'claim unknown'],
  ] as const)('that is settled as %s is told so', async (outcome, settled, again) => {
    const { claim, settle } = setUp();
    await settle(await tokenOf(claim()), { outcome });
    await claim();
    expect(told()).toEqual(['claim claimed', settled, again]);
  });

  it('that is refused, or settled without a token of it, is no claim and no settlement', async () => {
    const { claim, settle } = setUp();
    await expect(claim({ requestId: '' })).rejects.toThrow();
    const token = await tokenOf(claim());
    await expect(settle(token, { result: 1n })).rejects.toThrow();
    await settle('00000000-0000-4000-8000-000000000000');
    expect(told()).toEqual(['claim claimed']);
  });

  it('without receipts is told, and so is that they are away, once', async () => {
    const away = () => Promise.reject(Object.assign(new Error(secret), { code: '57P03', transient: false }));
    const before = await observed.scrape();
    const { claim, settle } = setUp(Object.assign(memoryReceipts(), { claim: away, get: away }));
    await expect(claim()).rejects.toMatchObject({ code: 'ReceiptStoreUnavailable' });
    await expect(settle('00000000-0000-4000-8000-000000000000')).rejects.toThrow();
    expect(told()).toEqual(['claim unavailable']);
    const errors = (scraped: string) => valueOf(scraped, 'activity_guard_store_errors_total', '57P03');
    expect(errors(await observed.scrape()) - errors(before)).toBe(2);
  });

  it('whose lease was lost, and one that the evidence on file settled, are counted', async () => {
    const { claim, renew, receipts } = setUp();
    const token = await tokenOf(claim({ leaseFor: 500 }));
    const key = receiptKey('default', hashOfWrittenId(mail.requestId));
    await until(async () => ((await receipts.get(key))?.receipt.leaseRemainingMs ?? 1) <= 0);
    expect((await renew(token)).status).toBe('UNKNOWN');
    await receipts.addEvidence({
      key,
      epoch: 1,
      source: 'webhook',
      verdict: 'committed',
      outcome: outcomeOf('1'),
    });
    expect((await claim()).status).toBe('SKIP');
    const scraped = await observed.scrape();
    expect(valueOf(scraped, 'activity_guard_leases_lost_total', mail.action)).toBe(1);
    expect(valueOf(scraped, 'activity_guard_resolutions_total', 'evidence', 'committed')).toBe(1);
    expect(told()).toEqual(['claim claimed', 'claim replayed']);
  });

  it('is told in the same words as a guarded call', async () => {
    const { claim, receipts, settle } = setUp();
    await settle(await tokenOf(claim()), { result: 1 });
    const guard = new Guard({ receipts, telemetry: observed.telemetry });
    await guard.execute({ ...mail, run: () => 2 });
    await guard.execute({ ...mail, requestId: 'email:2', run: () => 2 });
    const spans = told();
    expect(spans.slice(0, 2)).toEqual(['claim claimed', 'settle committed']);
    expect(spans.slice(2)).toEqual([
      'claim replayed',
      'claim claimed',
      'effect returned',
      'settle committed',
    ]);
  });

  it('by MCP is told, too', async () => {
    const mcp = await clientOf(claimServer(memoryReceipts(), { telemetry: observed.telemetry }));
    try {
      const { structuredContent } = await calling(mcp, 'claim', mail);
      const { token } = structuredContent as Claimed;
      await calling(mcp, 'renew', { requestId: mail.requestId, token, leaseFor: '1m' });
      await calling(mcp, 'settle', { requestId: mail.requestId, token, outcome: 'committed' });
      expect(told()).toEqual(['claim claimed', 'settle committed']);
    } finally {
      await mcp.close();
    }
  });
});

describe('the command line', () => {
  const metricsAt = async (printed: () => string): Promise<string> => {
    const url = () => /metrics at (http:\S+)/.exec(printed())?.[1];
    await until(async () => url() !== undefined);
    return (await fetch(url() ?? '')).text();
  };

  it('serves the metrics of what it serves, beside it', async () => {
    const scratch = await scratchSchema();
    const key = 'shop-secret-0123456789';
    const serving = await startServing(['--schema', scratch.schema, '--metrics', '0'], {
      ACTIVITY_GUARD_KEYS: `shop ${key}\n`,
    });
    try {
      const shop = client(() => serving.url, key);
      const { body } = await shop.claim(mail);
      await shop.settle(mail.requestId, { token: body['token'], outcome: 'committed', result: secret });
      await shop.claim(mail);
      const scraped = await metricsAt(serving.printed);
      const claims = (answer: string) => valueOf(scraped, 'activity_guard_claims_total', answer);
      const settled = valueOf(scraped, 'activity_guard_settlements_total', 'committed');
      expect([claims('claimed'), claims('replayed'), settled]).toEqual([1, 1, 1]);
      expect(scraped).toMatch(/^activity_guard_unknown\{.*"shop".*\} 0$/m);
      expect(scraped).not.toMatch(new RegExp(`${secret}|${mail.requestId}|${key}`));
    } finally {
      expect(await stop(serving)).toBe(0);
      await scratch.close();
    }
  });

  it('serves the metrics of its reconciler', async () => {
    const scratch = await scratchSchema();
    const request = requestFor('order:1', { leaseMs: over });
    await scratch.open().claim(request);
    const outcome = outcomeOf('1');
    await scratch
      .open()
      .addEvidence({ ...request, epoch: 1, source: 'webhook', verdict: 'committed', outcome });
    const args = ['reconcile', '--watch', '--no-temporal', '--metrics', '0', '--schema', scratch.schema];
    const child = spawn(process.execPath, [cliMain, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let printed = '';
    child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const ended = once(child, 'close');
    try {
      let scraped = '';
      await until(async () =>
        /looks_total\{[^}]*"committed"[^}]*\} 1/.test((scraped = await metricsAt(() => printed))),
      );
      expect(valueOf(scraped, 'activity_guard_resolutions_total', 'reconciler', 'committed')).toBe(1);
    } finally {
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      await scratch.close();
    }
  });
});
