/** `audit`: the chained log of exceptional steps and of people's. */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

import { signed, verified } from '../operator';
import {
  AuditChain,
  chainStart,
  entryIn,
  type AuditHead,
  type AuditProblem,
} from '../stores/postgres/audit-chain';
import type { VerifiedChain } from '../stores/postgres/audit-log';
import { command, parsed, text, wholeNumber, type Context, type Given, type Options } from './definition';
import { fileText, privateKeyFrom, publicKeyFrom, signingKey, verifyingKey } from './files';
import { complain } from './terminal';
import { UsageError } from './usage-error';

const verbs = ['verify', 'export', 'sign'] as const;

/** Which options each of them takes. */
const taken: Readonly<Record<string, readonly string[]>> = {
  verify: ['file', 'expect', 'checkpoint', 'public-key'],
  export: ['from'],
  sign: ['key'],
};

function headIn(value: string, name: string): AuditHead {
  const [, seq, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(value) ?? [];
  if (seq === undefined || hash === undefined)
    throw new UsageError(`${name} takes a head as audit verify prints it, SEQ:HASH`);
  return { seq: Number(seq), hash };
}

const options = {
  file: text('FILE', 'verify: an export, without a database', { isFile: true }),
  expect: parsed('SEQ:HASH', 'verify: the chain has to have this row', headIn),
  checkpoint: text('FILE', 'verify: it has to have the row that was signed', { isFile: true }),
  ...verifyingKey,
  from: wholeNumber('SEQ', 'export: rows from this one on (1)', {
    least: 1,
    most: 999_999_999,
    otherwise: 1,
  }),
  ...signingKey,
};

type Asked = Given<typeof options>;

/** What the chain has to have, known from elsewhere. */
interface Expected {
  readonly namespace: string | undefined;
  readonly head?: AuditHead | undefined;
}

/** @throws UsageError for a checkpoint that is none, or was not signed with this key */
function expectedIn(
  { checkpoint, expect, 'public-key': publicKey = '' }: Asked,
  namespace?: string,
): Expected {
  if (checkpoint === undefined) return { namespace: namespace ?? (expect && 'default'), head: expect };
  const found = verified(fileText(checkpoint, '--checkpoint'), publicKeyFrom(publicKey));
  if ('why' in found) throw new UsageError(`--checkpoint: ${found.why}`);
  const { type, seq, hash, namespace: of } = found.document;
  if (type !== 'activity-guard/audit-checkpoint')
    throw new UsageError('--checkpoint: it is a signed receipt');
  if (namespace !== undefined && namespace !== of)
    throw new UsageError(`--checkpoint: it is one of namespace ${String(of)}`);
  return { namespace: String(of), head: { seq: Number(seq), hash: String(hash) } };
}

interface Chain extends VerifiedChain {
  /** The first row that was looked at. */
  readonly from: number;
}

/** Goes through an export. Where it does not begin with the first row, what it follows is taken as it says. */
async function verifyFile(file: string, { namespace, head }: Expected): Promise<Chain> {
  const stream = createReadStream(file);
  await once(stream, 'open').catch((error: unknown) => {
    throw new UsageError(`--file: the file cannot be read (${(error as { code?: string }).code})`);
  });
  let chain: AuditChain | undefined;
  let from = 1;
  let problem: AuditProblem | undefined;
  let lines = 0;
  for await (const line of createInterface({ input: stream })) {
    lines++;
    const entry = entryIn(line);
    if (!entry) throw new Error(`line ${lines} of ${file} is no row of an audit log`);
    if (problem) {
      if (entry.seq !== problem.seq || entry.namespace !== chain?.namespace) continue;
      problem = { kind: 'reordered', seq: entry.seq, why: `it stands only in line ${lines}` };
      break;
    }
    if (!chain) {
      from = entry.seq;
      if (head && head.seq < from - 1)
        throw new UsageError(`--file: it begins after row ${head.seq}, which is expected`);
      const before = from === 1 ? chainStart : { seq: from - 1, hash: entry.previous };
      chain = new AuditChain(namespace ?? entry.namespace, before, head);
      problem = chain.contradicted();
    }
    problem ??= chain.follow(entry);
    // It may come later.
    if (problem && problem.kind !== 'missing') break;
  }
  chain ??= new AuditChain(namespace ?? 'default', chainStart, head);
  return { namespace: chain.namespace, from, head: chain.head, problem: problem ?? chain.end() };
}

async function chainsOf({ receipts, given }: Context, asked: Asked): Promise<readonly Chain[]> {
  const expected = expectedIn(asked, given.namespace);
  if (asked.file !== undefined) return [await verifyFile(asked.file, expected)];
  const { namespace, head } = expected;
  const namespaces = namespace === undefined ? await receipts.audit.namespaces() : [namespace];
  const chains: Chain[] = [];
  for (const each of namespaces) chains.push({ from: 1, ...(await receipts.audit.verify(each, head)) });
  return chains;
}

const nameOf = (namespace: string): string => (namespace === '' ? '(no namespace)' : namespace);

const textOf = ({ namespace, from, head: { seq, hash }, problem }: Chain): string =>
  problem
    ? `${nameOf(namespace)}: row ${problem.seq} is ${problem.kind === 'evidence' ? 'contradicted' : problem.kind}: ${problem.why}`
    : seq < from
      ? `${nameOf(namespace)}: no rows`
      : `${nameOf(namespace)}: rows ${from} to ${seq} are in order; head ${seq}:${hash}`;

async function verify(context: Context, asked: Asked): Promise<boolean> {
  const chains = await chainsOf(context, asked);
  const isWhole = chains.every(({ problem }) => problem === undefined);
  if (context.given.json)
    await context.print(
      JSON.stringify({
        verified: isWhole,
        chains: chains.map(({ head, ...rest }) => ({ ...rest, ...head })),
      }),
    );
  else for (const chain of chains) await context.print(textOf(chain));
  return isWhole;
}

/** Only a chain that is in order. */
async function sign({ receipts, print }: Context, { key = '' }: Asked): Promise<boolean> {
  const privateKey = privateKeyFrom(key);
  const { namespace, head, problem } = await receipts.audit.verify(receipts.namespace);
  if (problem || head.seq === 0)
    complain(`nothing was signed: ${textOf({ namespace, from: 1, head, problem })}`);
  else await print(signed({ type: 'activity-guard/audit-checkpoint', namespace, ...head }, privateKey));
  return !problem && head.seq > 0;
}

function checkTaken(verb: string, given: Asked): void {
  if (!(verbs as readonly string[]).includes(verb))
    throw new UsageError(`audit takes one of ${verbs.join(', ')}`);
  const foreign = Object.entries(given).find(
    ([name, value]) => value !== (options as Options)[name]?.otherwise && !taken[verb]?.includes(name),
  );
  if (foreign) throw new UsageError(`--${foreign[0]} does not go with audit ${verb}`);
  if (verb === 'sign' && given.key === undefined) throw new UsageError('audit sign takes --key');
  if ((given.checkpoint === undefined) !== (given['public-key'] === undefined))
    throw new UsageError('--checkpoint and --public-key go together');
  if (given.checkpoint !== undefined && given.expect !== undefined)
    throw new UsageError('audit verify takes either --checkpoint or --expect');
}

export const audit = command({
  name: 'audit',
  summary: 'verify, export or sign the log of exceptional steps and of decisions',
  more: 'verify goes through the chain of each namespace (one with --namespace) and names the first row that was altered, is missing or out of order; a head or checkpoint that was kept elsewhere shows that none was cut off or made anew. export prints rows as lines of JSON, sign a checkpoint of the chain as it is. Both are of one namespace.',
  argument: { name: 'verb', says: verbs.join(', '), choices: verbs },
  options,
  examples: [
    'audit verify',
    'audit sign --key key.pem > checkpoint.json',
    'audit verify --checkpoint checkpoint.json --public-key public.pem',
    'audit export > audit.jsonl',
    'audit verify --file audit.jsonl',
  ],
  check: (given, verb) => checkTaken(verb, given),
  run: async (context, given, verb) => {
    if (verb === 'verify') return verify(context, given);
    if (verb === 'sign') return sign(context, given);
    const { receipts, print } = context;
    for await (const entry of receipts.audit.entries(receipts.namespace, given.from - 1))
      await print(JSON.stringify(entry));
    return true;
  },
});
