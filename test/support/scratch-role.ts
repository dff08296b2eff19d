/** A role of one's own with settings of its own, as an administrator may set them. */
import { newSchemaName, databaseUrl, type ScratchSchema } from './scratch-schema';

export interface ScratchRole {
  readonly url: string;
  drop(): Promise<void>;
}

/** A login role that was granted what workers need of the tables in the schema, and no more. */
export async function scratchRole(
  { pool, open }: ScratchSchema,
  settings: Readonly<Record<string, string>> = {},
): Promise<ScratchRole> {
  const role = newSchemaName();
  await pool.query(`create role ${role} login password 'few'`);
  await open().grant({ workers: [role] });
  for (const [name, value] of Object.entries(settings))
    await pool.query(`alter role ${role} set ${name} = '${value}'`);
  const url = Object.assign(new URL(databaseUrl()), { username: role, password: 'few' }).href;
  const drop = async (): Promise<void> => {
    await pool.query(`drop owned by ${role} cascade`);
    await pool.query(`drop role ${role}`);
  };
  return { url, drop };
}
