/** Powertools for AWS Lambda on Redis: a function made idempotent by one of its arguments. */
import { load, type StartPeer } from './peer';

interface Powertools {
  makeIdempotent<F>(fn: F, options: object): F;
  readonly IdempotencyConfig: new (options: object) => { registerLambdaContext(context: object): void };
}
interface Redis {
  createClient(options: { url: string }): {
    on(event: 'error', listener: () => void): void;
    connect(): Promise<{ close(): Promise<void> }>;
  };
}

export const powertools: StartPeer = async ({ redisUrl = '', leaseMs = 60_000 }, effect) => {
  const { IdempotencyConfig, makeIdempotent } = load<Powertools>('@aws-lambda-powertools/idempotency');
  const { CachePersistenceLayer } = load<{ CachePersistenceLayer: new (options: object) => object }>(
    '@aws-lambda-powertools/idempotency/cache',
  );
  const unconnected = load<Redis>('@redis/client').createClient({ url: redisUrl });
  unconnected.on('error', () => undefined); // it connects again by itself
  const client = await unconnected.connect();
  // Without the time that is left to its function it would complain of every call.
  const config = new IdempotencyConfig({});
  config.registerLambdaContext({ getRemainingTimeInMillis: () => leaseMs });
  const once = makeIdempotent(async (id: string): Promise<object> => effect(id), {
    ...{ persistenceStore: new CachePersistenceLayer({ client }), config },
  });
  return { once, stop: () => client.close() };
};
