/** Worlds to fuzz: the real code over receipts in memory, or in Postgres through either driver. */
import { randomBytes } from 'node:crypto';

import { Guard } from '../../src';
import type { ReceiptStore } from '../../src/core';
import { ApiKeys } from '../../src/http/api-keys';
import { createService } from '../../src/http/service';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { pgReceipts } from '../../src/stores/pg';
import { postgresReceipts } from '../../src/stores/postgres-js';
import { systemClock } from '../../src/system-clock';
import { Pool } from 'pg';
import postgres from 'postgres';
import type { World } from './kind';
import { Speaker } from './speaker';

export const apiKey = 'k'.repeat(32);

/** What the receipts of a batch are kept in. */
export type StoreName = 'memory' | 'pg' | 'postgres';

/** Makes worlds of one store. */
export interface Worlds {
  make(store: StoreName): World;
  close(): Promise<void>;
}

/** A world over receipts that are new. */
export function worldOn(receipts: ReceiptStore): World {
  const service = createService({ keys: new ApiKeys(`any ${apiKey}`), receipts: () => receipts });
  return {
    receipts,
    guard: new Guard({ receipts }),
    service,
    mcp: (client) => Speaker.to(receipts, { name: client, version: '1' }),
  };
}

/** @param databaseUrl `undefined` where all is kept in memory */
export async function openWorlds(databaseUrl: string | undefined): Promise<Worlds> {
  if (databaseUrl === undefined) return { make: () => worldOn(inMemory()), close: async () => undefined };
  const schema = `fuzz_${randomBytes(6).toString('hex')}`;
  const pool = new Pool({ connectionString: databaseUrl, max: 4 });
  pool.on('error', () => undefined);
  const sql = postgres(databaseUrl, { max: 4, onnotice: () => undefined });
  await pgReceipts(pool, { schema }).migrate();
  let batches = 0;
  return {
    make: (store) => {
      if (store === 'memory') return worldOn(inMemory());
      const options = { schema, namespace: `batch ${++batches}` };
      return worldOn(store === 'pg' ? pgReceipts(pool, options) : postgresReceipts(sql, options));
    },
    close: async () => {
      await pool.query(`drop schema if exists "${schema}" cascade`);
      await Promise.all([pool.end(), sql.end({ timeout: 2 })]);
    },
  };
}

/** Receipts in memory. */
export const inMemory = (): ReceiptStore => new MemoryReceipts(new MemoryDatabase(systemClock));
