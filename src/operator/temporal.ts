/** Temporal, for the commands that ask it: its packages are loaded then, and not before. */
import type * as ClientPackage from '@temporalio/client';
import type * as EnvConfigPackage from '@temporalio/envconfig';

import { optionalPackages } from '../optional-package';
import type * as GuardClient from '../temporal/client';

type Client = ClientPackage.Client;

/** How it is reached; all else is in the environment. */
interface Reaching {
  /** So long nothing listening may take to be found out. */
  readonly connectTimeout?: '10s' | '3s';
  /** In place of the environment's. */
  readonly namespace?: string;
}

/** Something is missing or away; the message says what to do. */
export class TemporalAwayError extends Error {
  constructor(
    message: string,
    /** Somebody named an address: there should be one. */
    readonly isConfigured: boolean,
  ) {
    super(message);
  }
}

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when needed, and a missing one is told by name */
const packages = () =>
  optionalPackages(['@temporalio/client', '@temporalio/envconfig'], 'to ask Temporal', () => ({
    client: require('@temporalio/client') as typeof ClientPackage,
    envconfig: require('@temporalio/envconfig') as typeof EnvConfigPackage,
    guard: require('../temporal/client') as typeof GuardClient,
  }));
/* eslint-enable @typescript-eslint/no-require-imports */

/**
 * Runs `work` with a client of the Temporal that the environment names, by Temporal's own rules.
 * @throws Error saying what to do where its packages are missing, or nothing answers at its address
 */
export async function withTemporal<T>(
  work: (client: Client, guard: typeof GuardClient) => Promise<T>,
  { connectTimeout = '10s', ...reaching }: Reaching = {},
): Promise<T> {
  const { client: sdk, envconfig, guard } = packages();
  const { connectionOptions, ...configured } = envconfig.loadClientConnectConfig();
  const { namespace = configured.namespace } = reaching;
  const { address = 'localhost:7233', apiKey, tls, metadata } = connectionOptions;
  const isConfigured = connectionOptions.address !== undefined;
  const options = {
    ...{ address, connectTimeout, ...(apiKey === undefined ? {} : { apiKey }) },
    ...(tls === undefined ? {} : { tls }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  const connection = await sdk.Connection.connect(options as ClientPackage.ConnectionOptions).catch(
    (error: unknown) => {
      throw new TemporalAwayError(
        `Temporal cannot be reached at ${address} (${(error as Error).message}). Set TEMPORAL_ADDRESS, or a profile of Temporal's configuration.`,
        isConfigured,
      );
    },
  );
  try {
    const client = new sdk.Client({ connection, ...(namespace === undefined ? {} : { namespace }) });
    return await work(client, guard);
  } catch (error) {
    // Their own message says what was asked, the cause why that failed.
    const { details } = (error instanceof sdk.ServiceError ? error.cause : error) as { details?: unknown };
    if (error instanceof sdk.ServiceError || sdk.isGrpcServiceError(error))
      throw new TemporalAwayError(
        `${(error as Error).message} (Temporal at ${address}: ${String(details)})`,
        isConfigured,
      );
    throw error;
  } finally {
    await connection.close();
  }
}
