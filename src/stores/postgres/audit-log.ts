/** The audit log as it is read; the trigger of evidence alone writes it. */
import { AuditChain, chainStart, type AuditEntry, type AuditHead, type AuditProblem } from './audit-chain';
import type { Row, Run } from './driver';
import type { Named } from './fragments';

const pageSize = 1000;

/**
 * Whether the evidence that a row speaks of still says that. An outcome may have been removed. A step of the receipt itself
 * has a verdict that no evidence has, and the receipt to show.
 */
const evidenceMatches = (schema: string): string => `case when a.verdict in ('unknown', 'final') then exists (
  select from ${schema}.receipts r where r.key = a.key and ${schema}.read_by_key(r.key) and r.namespace = a.namespace
    and r.request_id = a.request_id and r.epoch >= a.epoch offset 0)
  else exists (select from ${schema}.evidence e
  where e.key = a.key and ${schema}.read_by_key(e.key) and e.epoch = a.epoch and e.source = a.source and e.verdict = a.verdict
    and e.late = a.late and (e.actor, e.note, e.outcome_format) is not distinct from (a.actor, a.note, a.outcome_format)
    and (e.outcome is null or encode(sha256(e.outcome), 'hex') = a.outcome_sha256) offset 0) end`;

/** @param schema the quoted name of the schema */
export function auditStatements(schema: string, named: Named) {
  return {
    // With the head as it was then: where they differ at the end, one of them was changed.
    auditPage: named(
      'audit_page',
      `select h.seq::float8 as head_seq, encode(h.hash, 'hex') as head_hash, a.*
from (values (true)) as one left join ${schema}.audit_heads h on h.namespace = $1::text
left join lateral (
  select a.namespace, a.seq::float8 as seq, to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
    a.key::text as key, a.request_id, a.epoch, a.source, a.verdict, a.actor, a.note, a.late, a.outcome_format,
    a.outcome_sha256, a.role, encode(a.previous, 'hex') as previous, encode(a.hash, 'hex') as hash,
    ${evidenceMatches(schema)} as evidence_matches
  from ${schema}.audit a where a.namespace = $1::text and a.seq > $2::float8::bigint order by a.seq limit $3::integer
) a on true order by a.seq`,
    ),

    auditNamespaces: named(
      'audit_namespaces',
      `select namespace from ${schema}.audit_heads union select namespace from ${schema}.audit order by namespace`,
    ),
  };
}

const optional = (row: Row, name: string): string | undefined => (row[name] as string | null) ?? undefined;

const entryOf = (row: Row): AuditEntry => ({
  namespace: row['namespace'] as string,
  seq: Number(row['seq']),
  at: row['at'] as string,
  key: row['key'] as string,
  requestId: optional(row, 'request_id'),
  epoch: Number(row['epoch']),
  source: row['source'] as string,
  verdict: row['verdict'] as string,
  actor: optional(row, 'actor'),
  note: optional(row, 'note'),
  late: row['late'] as boolean,
  outcomeFormat: optional(row, 'outcome_format'),
  outcomeSha256: optional(row, 'outcome_sha256'),
  role: row['role'] as string,
  previous: row['previous'] as string,
  hash: row['hash'] as string,
});

/** How a chain was found. */
export interface VerifiedChain {
  readonly namespace: string;
  /** The last row that is in order. */
  readonly head: AuditHead;
  readonly problem: AuditProblem | undefined;
}

/** All chains of one schema. */
export class AuditLog {
  constructor(
    private readonly run: Run,
    private readonly sql: ReturnType<typeof auditStatements>,
  ) {}

  /** `''` is the chain of what was said before there was a receipt, by workers that do not say their namespace. */
  async namespaces(): Promise<readonly string[]> {
    return (await this.run(this.sql.auditNamespaces, [])).map((row) => row['namespace'] as string);
  }

  /** Rows after a number. */
  async *entries(namespace: string, after = 0): AsyncGenerator<AuditEntry> {
    for await (const { rows } of this.pages(namespace, after)) for (const row of rows) yield entryOf(row);
  }

  /** Goes through all of a chain. */
  async verify(namespace: string, expected?: AuditHead): Promise<VerifiedChain> {
    const chain = new AuditChain(namespace, chainStart, expected);
    const found = (problem: AuditProblem | undefined) => ({ namespace, head: chain.head, problem });
    let last: AuditHead | undefined;
    for await (const { rows, head } of this.pages(namespace, 0)) {
      for (const row of rows) {
        const problem = chain.follow(entryOf(row)) ?? evidenceProblem(row);
        if (problem) return found(problem);
      }
      last = head;
    }
    return found(chain.end(last));
  }

  private async *pages(
    namespace: string,
    after: number,
  ): AsyncGenerator<{ rows: readonly Row[]; head: AuditHead }> {
    for (let from = after; ; ) {
      const all = await this.run(this.sql.auditPage, [namespace, from, pageSize]);
      const rows = all.filter((row) => row['seq'] !== null);
      const [{ head_seq: seq, head_hash: hash } = {}] = all;
      yield { rows, head: seq == null ? chainStart : { seq: Number(seq), hash: hash as string } };
      if (rows.length < pageSize) return;
      from = Number(rows.at(-1)?.['seq']);
    }
  }
}

const evidenceProblem = (row: Row): AuditProblem | undefined =>
  row['evidence_matches'] === true
    ? undefined
    : {
        kind: 'evidence',
        seq: Number(row['seq']),
        why: 'the evidence (or the receipt) that it speaks of was altered or removed',
      };
