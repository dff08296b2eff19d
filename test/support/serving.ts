/** `activity-guard serve` (or `dashboard`) in a process of its own, and a client that holds its answers against the OpenAPI document. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { z } from 'zod';

import { cliMain } from './cli-process';

/** A service that listens. */
export interface Serving {
  readonly child: ChildProcess;
  readonly url: string;
  /** Everything it has printed. */
  readonly printed: () => string;
}

/** Starts the service; fails with what it printed where it ends instead. */
export async function startServing(
  args: readonly string[],
  env: Record<string, string>,
  command: 'serve' | 'dashboard' = 'serve',
): Promise<Serving> {
  const child = spawn(process.execPath, [cliMain, command, '--json', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const line = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      resolve(chunk.toString());
    });
    child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.once('close', (code) => reject(new Error(`${command} ended with ${code}: ${printed}`)));
  });
  const { url } = JSON.parse(await line) as { url: string };
  return { child, url, printed: () => printed };
}

/** Ends it as an operator would. */
export async function stop({ child }: Serving): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  child.kill('SIGTERM');
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

/** An answer, as its document allows it. */
export interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

interface Document {
  readonly paths: Record<
    string,
    Record<string, { responses: Record<string, { content: Record<string, { schema: unknown }> }> }>
  >;
  readonly components: { readonly schemas: Record<string, unknown> };
}

const documents = new Map<string, Document>();

/** The document's references, followed. */
function whole(value: unknown, { components }: Document): unknown {
  if (Array.isArray(value)) return value.map((item) => whole(item, { components } as Document));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref } = value as { $ref?: string };
  if ($ref !== undefined) {
    const name = $ref.replace('#/components/schemas/', '');
    return whole(components.schemas[name], { components } as Document);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, whole(item, { components } as Document)]),
  );
}

/** Fails unless the document of the service has this answer. */
async function check(url: string, operation: readonly [string, string], answered: Answered): Promise<void> {
  const document = documents.get(url) ?? ((await (await fetch(`${url}/openapi.json`)).json()) as Document);
  documents.set(url, document);
  const [method, path] = operation;
  const response = document.paths[path]?.[method]?.responses[String(answered.status)];
  const type = answered.headers.get('content-type') ?? '';
  const schema = response?.content[type]?.schema;
  if (!schema) throw new Error(`${method} ${path} is not documented to answer ${answered.status} ${type}`);
  const { error } = z.fromJSONSchema(whole(schema, document) as never).safeParse(answered.body);
  if (error) throw new Error(`${method} ${path} ${answered.status}: ${error.message}`);
}

/** Calls the service. */
export function client(url: () => string, key: string) {
  const call = async (
    operation: readonly ['get' | 'post', string],
    path: string,
    body?: unknown,
  ): Promise<Answered> => {
    const response = await fetch(url() + path, {
      method: operation[0],
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
    });
    const { status, headers } = response;
    const answered = { status, headers, body: (await response.json()) as Record<string, unknown> };
    await check(url(), operation, answered);
    return answered;
  };
  return {
    claim: (body: unknown) => call(['post', '/claim'], '/claim', body),
    settle: (id: string, body: unknown) =>
      call(['post', '/settle/{id}'], `/settle/${encodeURIComponent(id)}`, body),
    renew: (id: string, body: unknown) =>
      call(['post', '/renew/{id}'], `/renew/${encodeURIComponent(id)}`, body),
    receipt: (id: string) => call(['get', '/receipts/{id}'], `/receipts/${encodeURIComponent(id)}`),
  };
}
