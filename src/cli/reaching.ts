/** What to do about a database that cannot be reached. */

const connectionCodes: readonly unknown[] = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
];

/** Whether an error with this code comes from the way to the database. */
export const isConnection = (code: unknown): boolean => connectionCodes.includes(code);

/** By the code of the error, of Node or Postgres. */
export function howToReach(code: unknown): string {
  const how = '--database-url, DATABASE_URL or PG* variables.';
  if (typeof code === 'string' && code.startsWith('28')) return `check user and password in ${how}`;
  if (code === '3D000') return `create the database, or name another by ${how}`;
  return `is the database running? Give ${how}`;
}
