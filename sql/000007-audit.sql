-- The audit log: every exceptional step and every human one. Each of them writes evidence, so evidence is where it is
-- filled from. Each row holds the hash of the one before it in its namespace. Evidence from before this is not in it.

create table :SCHEMA.audit (
  namespace text not null,
  seq bigint not null,
  at timestamptz not null,
  key uuid not null,
  request_id text,
  epoch integer not null,
  source text not null,
  verdict text not null,
  actor text,
  note text,
  late boolean not null,
  outcome_format text,
  outcome_sha256 text,
  role text not null,
  previous bytea not null,
  hash bytea not null,
  primary key (namespace, seq)
);

-- The last row of each chain. Whoever adds to a chain locks it here, after everything else, so that nobody who holds it
-- waits for another lock; what is rolled back leaves no gap.
create table :SCHEMA.audit_heads (
  namespace text primary key,
  seq bigint not null default 0,
  hash bytea not null default decode(repeat('00', 32), 'hex')
);

-- As the owner of the tables: who may write evidence need not be able to write here.
create function :SCHEMA.audit_evidence() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $audit_evidence$
declare
  entry :SCHEMA.audit%rowtype;
begin
  select r.namespace, r.request_id into entry.namespace, entry.request_id from :SCHEMA.receipts r
    where r.key = new.key and r.namespace = coalesce(new.namespace, r.namespace);
  -- Workers of a release before this do not say the namespace. Who says one speaks in its own chain alone.
  entry.namespace := coalesce(new.namespace, entry.namespace, '');
  insert into :SCHEMA.audit_heads (namespace) values (entry.namespace) on conflict do nothing;
  select h.seq + 1, h.hash into entry.seq, entry.previous
    from :SCHEMA.audit_heads h where h.namespace = entry.namespace for update;
  entry.at := clock_timestamp();
  entry.key := new.key;
  entry.epoch := new.epoch;
  entry.source := new.source;
  entry.verdict := new.verdict;
  entry.actor := new.actor;
  entry.note := new.note;
  entry.late := new.late;
  entry.outcome_format := new.outcome_format;
  entry.outcome_sha256 := encode(sha256(new.outcome), 'hex');
  entry.role := session_user;
  -- Each field with its length in bytes, so that nothing can be moved from one to the next.
  entry.hash := (
    select sha256(convert_to(string_agg(coalesce(octet_length(convert_to(f.value, 'UTF8')) || ':' || f.value, '-'), ''
      order by f.place), 'UTF8'))
    from unnest(array[
      'activity-guard audit 1', entry.namespace, entry.seq::text,
      to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), entry.key::text, entry.request_id,
      entry.epoch::text, entry.source, entry.verdict, entry.actor, entry.note, entry.late::text, entry.outcome_format,
      entry.outcome_sha256, entry.role, encode(entry.previous, 'hex')
    ]) with ordinality as f (value, place));
  insert into :SCHEMA.audit select (entry).*;
  update :SCHEMA.audit_heads h set seq = entry.seq, hash = entry.hash where h.namespace = entry.namespace;
  return null;
end $audit_evidence$;

create trigger audit after insert on :SCHEMA.evidence
  for each row execute function :SCHEMA.audit_evidence();

-- Whatever a role was granted on all tables: only the owner's function writes, and nobody but who takes this away changes
-- or removes a row.
create function :SCHEMA.audit_only_grows() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp as $audit_only_grows$
begin
  if tg_op <> all (tg_argv)
    or not pg_has_role((select c.relowner from pg_class c where c.oid = tg_relid), 'usage') then
    raise exception 'the audit log is only ever added to, by the trigger of evidence'
      using errcode = 'insufficient_privilege';
  end if;
  return null;
end $audit_only_grows$;

create trigger audit_only_grows before insert or update or delete or truncate on :SCHEMA.audit
  for each statement execute function :SCHEMA.audit_only_grows('INSERT');
create trigger audit_only_grows before insert or update or delete or truncate on :SCHEMA.audit_heads
  for each statement execute function :SCHEMA.audit_only_grows('INSERT', 'UPDATE');
