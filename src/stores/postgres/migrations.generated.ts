// Generated from sql/*.sql by scripts/build-migrations.mjs. Do not edit.

export const migrations: readonly {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
  readonly sql: string;
}[] = [
  {
    number: 1,
    name: "000001-receipts",
    sha256: "825e1cf99514573200e8a74db85eec95803c6609eee2a90e761e19112800d9cf",
    sql: "-- Receipts: one row per intended effect. The key is a hash of namespace and request id, so it is small\n-- whatever the id looks like. Half of each page stays free and nothing that changes is indexed, so that\n-- settling a claim is a HOT update.\ncreate table :SCHEMA.receipts (\n  key uuid primary key,\n  namespace text not null,\n  request_id text not null,\n  action text not null,\n  fingerprint bytea not null check (octet_length(fingerprint) = 32),\n  state text not null check (state in ('claimed', 'unknown', 'committed', 'rejected', 'released')),\n  policy text not null check (policy in ('hold', 'fail', 'probe', 'retry')),\n  token uuid not null,\n  epoch integer not null default 1 check (epoch > 0),\n  doubt boolean not null default false,\n  claimed_at timestamptz not null default now(),\n  lease_until timestamptz not null,\n  settled_at timestamptz,\n  outcome_format text,\n  outcome bytea,\n  origin jsonb not null default '{}',\n  check ((state in ('committed', 'rejected')) = (outcome_format is not null and settled_at is not null))\n) with (fillfactor = 50);\n\ncreate index receipts_claimed_at on :SCHEMA.receipts (claimed_at);\n\n-- Evidence: what a source said of an outcome. Only ever added to.\ncreate table :SCHEMA.evidence (\n  id bigint generated always as identity primary key,\n  key uuid not null,\n  epoch integer not null,\n  source text not null,\n  verdict text not null check (verdict in ('committed', 'not-committed', 'rejected', 'undetermined')),\n  note text,\n  outcome_format text,\n  outcome bytea,\n  at timestamptz not null default now()\n);\n\ncreate index evidence_key on :SCHEMA.evidence (key);\n",
  },
];
