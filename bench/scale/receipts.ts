/** What the receipts look like: those of activities, with ids as workflows derive them and results of about 200 B. */
import { createHash, randomUUID } from 'node:crypto';

export const payload = { order: 'A-1001', amount: 1999, currency: 'EUR' };

/** As the activity interceptor tells it. */
export const origin = {
  temporalNamespace: 'default',
  workflowId: 'checkout-3f0b6f0e-52cf-4a9e-9d0a-7f7f3f0a4c11',
  runId: '0d9f8a52-9b1d-4b0e-8a55-0d4bb1c3f7a0',
  workflowType: 'checkout',
  activityId: '1',
  attempt: '1',
  outermost: 'yes',
  worker: '12345@payments-worker-7d9c5b',
};

export const resultOf = (requestId: string) => ({
  charge: requestId,
  status: 'succeeded',
  note: 'n'.repeat(65),
});

const idOf = (hash: string): string => `${asUuid(hash)}/charge/32:${hash}/1:1`;

const asUuid = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** The id of an intent that nobody had before. */
export const freshId = (): string => idOf(md5(randomUUID()));

/** The id of one of those that the table was filled with. */
export const filledId = (n: number): string => idOf(md5(`scale:${n}`));

/** The same, in the database. */
export const filledIdSql = (n: string): string =>
  `md5('scale:' || ${n})::uuid || '/charge/32:' || md5('scale:' || ${n}) || '/1:1'`;

/** The key of an id, as the store computes it. */
export const keySql = (id: string): string =>
  `left(encode(sha256(convert_to('7:default/64:' || encode(sha256(convert_to(${id}, 'UTF8')), 'hex'), 'UTF8')), 'hex'), 32)::uuid`;
