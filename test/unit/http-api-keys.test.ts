/** The keys of the HTTP service. */
import { inspect } from 'node:util';

import { ApiKeys } from '../../src/http/api-keys';

describe('API keys', () => {
  it('open their own namespace each', () => {
    const keys = new ApiKeys(
      'shop  0123456789abcdef\r\n# bank 0000000000000000\nbank\tfedcba9876543210\nshop aaaabbbbccccdddd',
    );
    expect(keys.namespaces).toEqual(['shop', 'bank']);
    expect(keys.namespaceOf('0123456789abcdef')).toBe('shop');
    expect(keys.namespaceOf('aaaabbbbccccdddd')).toBe('shop');
    expect(keys.namespaceOf('fedcba9876543210')).toBe('bank');
    for (const other of ['', '0000000000000000', '0123456789abcde', 'shop'])
      expect(keys.namespaceOf(other)).toBeUndefined();
    expect(inspect(keys, { depth: 9, showHidden: true })).not.toMatch(/Buffer|0123456789abcdef/);
  });
});
