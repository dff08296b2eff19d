/** Roles of one's own: with what the library grants, and with settings as an administrator may set them. */
import { databaseUrl, newSchemaName, type ScratchSchema } from './scratch-schema';

/** Whoever may create roles. */
type Run = (sql: string) => Promise<unknown>;

export interface ScratchRole {
  readonly name: string;
  readonly url: string;
  /** With all that it was granted. */
  drop(): Promise<void>;
}

/** The name of a role to be made, and how it connects. */
export const newRole = (): Pick<ScratchRole, 'name' | 'url'> => {
  const name = newSchemaName();
  return { name, url: Object.assign(new URL(databaseUrl()), { username: name, password: 'few' }).href };
};

/** A login role that was granted nothing yet. */
export async function loginRole(run: Run, { name, url } = newRole()): Promise<ScratchRole> {
  await run(`create role ${name} login password 'few'`);
  return {
    name,
    url,
    drop: async () => void (await run(`drop owned by ${name} cascade; drop role ${name}`)),
  };
}

/** A login role that was granted what workers need of the tables in the schema, and no more. */
export async function scratchRole(
  { pool, open }: ScratchSchema,
  settings: Readonly<Record<string, string>> = {},
): Promise<ScratchRole> {
  const role = await loginRole((sql) => pool.query(sql));
  await open().grant({ workers: [role.name] });
  for (const [name, value] of Object.entries(settings))
    await pool.query(`alter role ${role.name} set ${name} = '${value}'`);
  return role;
}
