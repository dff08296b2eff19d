/**
 * The literal ids of this release. A change here gives intents that are already running another id, so that they
 * run twice, and breaks every replay of recorded histories: never edit an expectation, add a new rule beside it.
 */
import {
  CallTable,
  canonicalJson,
  composeId,
  fallbackRequestId,
  fingerprintOf,
  generationId,
  hashArgs,
  hashRequestId,
  nextScope,
  receiptKey,
} from '../../src/ids';
import { derivedRequestId } from '../../src/ids/request-id';

const scope = '0198c0de-0000-7000-8000-000000000001';
const args = [{ amount: 4.5, currency: 'EUR', to: 'é😀' }, 1n, new Uint8Array([1, 2])];

describe('the frozen form of', () => {
  it('canonical payloads', () => {
    expect(canonicalJson(args)).toBe('[{"amount":4.5,"currency":"EUR","to":"é😀"},bigint:"1",bytes:"0102"]');
    expect(canonicalJson([new Map([['k', 1]]), new Set([2])])).toBe('[map:[["k",1]],set:[2]]');
  });

  it('composed ids', () => {
    expect(composeId(['a', '', 'b/c'])).toBe('1:a/0:/3:b/c');
  });

  it('hashes of arguments', () => {
    expect(hashArgs([])).toBe('4f53cda18c2baa0c0354bb5f9a3ecbe5');
    expect(hashArgs(args)).toBe('ed83159b581697dc39afbbd6eeb0ce1e');
  });

  it('derived request ids', () => {
    expect(derivedRequestId(scope, 'charge', hashArgs([]), 1)).toBe(
      '36:0198c0de-0000-7000-8000-000000000001/6:charge/32:4f53cda18c2baa0c0354bb5f9a3ecbe5/1:1',
    );
    expect(derivedRequestId(scope, 'x'.repeat(201), hashArgs([]), 12)).toBe(
      '36:0198c0de-0000-7000-8000-000000000001/39:sha256-84a0678c90937f5dcf9994d5866668da/32:4f53cda18c2baa0c0354bb5f9a3ecbe5/2:12',
    );
  });

  it('child scopes', () => {
    const calls = new CallTable(scope);
    expect(calls.start('child', 'shipment', hashArgs(args)).id).toBe(
      'child-984c3d2c75ac5a298fb47caaa517230d',
    );
    expect(calls.start('child', 'shipment', hashArgs(args)).id).toBe(
      'child-20afefd18126ff7de2f852cf16eb3c10',
    );
  });

  it('slots', () => {
    const calls = new CallTable(`${scope}~2`);
    expect(calls.start('activity', 'charge', 'h').id).toBe(`38:${scope}~2/6:charge/1:h/1:1`);
    expect(calls.start('activity', 'charge', 'h').id).toBe(`38:${scope}~2/6:charge/1:h/1:2`);
  });

  it('scopes of continued runs', () => {
    expect(nextScope(scope)).toBe(`${scope}~2`);
    expect(nextScope(`${scope}~2`)).toBe(`${scope}~3`);
  });

  it('hashes of explicit ids', () => {
    expect(hashRequestId('invoice:42')).toBe(
      '5cd23eb33b1a25492f939a39561ff8c718e84f89b0d64ad09c000769b39d929c',
    );
  });

  it('later generations', () => {
    const first = { requestId: 'invoice:42', requestIdHash: hashRequestId('invoice:42') };
    expect(generationId(first, 2)).toEqual({
      requestId: 'invoice:42~g2',
      requestIdHash: '0777f82d90e74bfbcfcb9dcf37bd58ca32836f20d0eb067490977e12bf2f585e',
    });
  });

  it('receipt keys', () => {
    expect(receiptKey('default', hashRequestId('invoice:42'))).toBe('a41c770f-e160-ce7f-9ea5-597af97a2d74');
    expect(receiptKey('tenant é', hashRequestId('invoice:42'))).toBe('8c09ab3d-bcf3-55f1-42ad-61d8bb15b7ab');
  });

  it('fingerprints', () => {
    expect(fingerprintOf('charge', args)).toBe(
      '5f314d3aa48b77d3fe5893d253a95241a710180237b70223d2493496bf036f36',
    );
  });

  it('ids of calls without a header', () => {
    expect(fallbackRequestId(['default', 'order-1', scope, '7'])).toBe(
      '9:no-header/7:default/7:order-1/36:0198c0de-0000-7000-8000-000000000001/1:7',
    );
    expect(fallbackRequestId(['default', 'x'.repeat(600), scope, '7'])).toBe(
      '9:no-header/64:720b6cb62d93314a98dedee14516f212175034b8a7567a4bbeb65014967a50aa',
    );
  });
});
