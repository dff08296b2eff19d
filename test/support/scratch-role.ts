/** A role of one's own with settings of its own, as an administrator may set them. */
import { newSchemaName, databaseUrl, type ScratchSchema } from './scratch-schema';

export interface ScratchRole {
  readonly url: string;
  drop(): Promise<void>;
}

/** A login role that may use the tables in the schema, and no more. */
export async function scratchRole(
  { pool, schema }: ScratchSchema,
  settings: Readonly<Record<string, string>> = {},
): Promise<ScratchRole> {
  const role = newSchemaName();
  await pool.query(`create role ${role} login password 'few';
    grant usage on schema "${schema}" to ${role};
    grant select, insert, update on all tables in schema "${schema}" to ${role}`);
  for (const [name, value] of Object.entries(settings))
    await pool.query(`alter role ${role} set ${name} = '${value}'`);
  const url = Object.assign(new URL(databaseUrl()), { username: role, password: 'few' }).href;
  const drop = async (): Promise<void> => {
    await pool.query(`drop owned by ${role} cascade`);
    await pool.query(`drop role ${role}`);
  };
  return { url, drop };
}
