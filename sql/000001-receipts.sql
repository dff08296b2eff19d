-- Receipts: one row per intended effect. The key is a hash of namespace and request id, so it is small
-- whatever the id looks like. Half of each page stays free and nothing that changes is indexed, so that
-- settling a claim is a HOT update.
create table :SCHEMA.receipts (
  key uuid primary key,
  namespace text not null,
  request_id text not null,
  action text not null,
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  state text not null check (state in ('claimed', 'unknown', 'committed', 'rejected', 'released')),
  policy text not null check (policy in ('hold', 'fail', 'probe', 'retry')),
  token uuid not null,
  epoch integer not null default 1 check (epoch > 0),
  doubt boolean not null default false,
  claimed_at timestamptz not null default now(),
  lease_until timestamptz not null,
  settled_at timestamptz,
  outcome_format text,
  outcome bytea,
  origin jsonb not null default '{}',
  check ((state in ('committed', 'rejected')) = (outcome_format is not null and settled_at is not null))
) with (fillfactor = 50);

create index receipts_claimed_at on :SCHEMA.receipts (claimed_at);

-- Evidence: what a source said of an outcome. Only ever added to.
create table :SCHEMA.evidence (
  id bigint generated always as identity primary key,
  key uuid not null,
  epoch integer not null,
  source text not null,
  verdict text not null check (verdict in ('committed', 'not-committed', 'rejected', 'undetermined')),
  note text,
  outcome_format text,
  outcome bytea,
  at timestamptz not null default now()
);

create index evidence_key on :SCHEMA.evidence (key);
