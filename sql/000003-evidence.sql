-- Unknown outcomes: evidence that contradicts itself (contested), outcomes that are final only after a while, and the
-- queue of what has to be found out. Not valid: what the narrower check before let in is valid.
alter table :SCHEMA.receipts
  add column contested boolean not null default false,
  add column finality jsonb,
  add column final_at timestamptz;
alter table :SCHEMA.receipts
  drop constraint receipts_policy_check,
  add constraint receipts_policy_check check (policy in ('hold', 'fail', 'ask', 'probe', 'retry')) not valid;

-- Who said it, where that was a person; and whether it came when the outcome was already final.
alter table :SCHEMA.evidence
  add column actor text,
  add column late boolean not null default false;
alter table :SCHEMA.evidence
  drop constraint evidence_verdict_check,
  add constraint evidence_verdict_check check (verdict in
    ('committed', 'not-committed', 'rejected', 'undetermined', 'superseded', 'compensated')) not valid;

-- What to look at, and when. Not a column of the receipts: an index on one that changes would make every settling
-- update touch all indexes.
create table :SCHEMA.queue (
  key uuid primary key,
  namespace text not null,
  look_at timestamptz not null,
  looks integer not null default 0
);
create index queue_look_at on :SCHEMA.queue (namespace, look_at);

-- Up to when claims have been gone through: those that were still open then are in the queue.
create table :SCHEMA.sweeps (
  namespace text primary key,
  swept_until timestamptz not null default '-infinity'
);
