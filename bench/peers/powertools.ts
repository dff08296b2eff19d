/** Powertools for AWS Lambda on Redis: a function made idempotent by one of its arguments. */
import { load, type StartPeer } from './peer';

interface Powertools {
  makeIdempotent<F>(fn: F, options: object): F;
  readonly IdempotencyConfig: new (options: object) => { registerLambdaContext(context: object): void };
}
interface Redis {
  createClient(options: { url: string }): { connect(): Promise<{ close(): Promise<void> }> };
}

export const powertools: StartPeer = async ({ redisUrl = '' }, effect) => {
  const { IdempotencyConfig, makeIdempotent } = load<Powertools>('@aws-lambda-powertools/idempotency');
  const { CachePersistenceLayer } = load<{ CachePersistenceLayer: new (options: object) => object }>(
    '@aws-lambda-powertools/idempotency/cache',
  );
  const client = await load<Redis>('@redis/client').createClient({ url: redisUrl }).connect();
  // Without the time that is left to its function it would complain of every call.
  const config = new IdempotencyConfig({});
  config.registerLambdaContext({ getRemainingTimeInMillis: () => 60_000 });
  const once = makeIdempotent(async (_id: string): Promise<object> => effect(), {
    ...{ persistenceStore: new CachePersistenceLayer({ client }), config },
  });
  return { once, stop: () => client.close() };
};
