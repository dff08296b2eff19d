/** What the command line prints as JSON, against the schemas in docs/cli-schemas.json. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { z } from 'zod';

interface Schemas {
  readonly $schema: string;
  readonly $defs: object;
  readonly properties: Readonly<Record<string, object>>;
}

const file = resolve(__dirname, '../../../docs/cli-schemas.json');
const { properties, ...shared } = JSON.parse(readFileSync(file, 'utf8')) as Schemas;

/** Each command as it is documented, such as `show --workflow`. */
export const documented = Object.keys(properties);

const validators = new Map<string, z.ZodType>();

/** What was printed; fails unless the schema of the command has it. */
export function asDocumented(command: string, out: string): unknown {
  const schema = properties[command];
  if (!schema) throw new Error(`the JSON of ${command} is not documented`);
  const validator = validators.get(command) ?? z.fromJSONSchema({ ...shared, ...schema } as never);
  validators.set(command, validator);
  const value: unknown = JSON.parse(out);
  const { error } = validator.safeParse(value);
  if (error) throw new Error(`${command} --json: ${error.message}\n${out.slice(0, 2000)}`);
  return value;
}
