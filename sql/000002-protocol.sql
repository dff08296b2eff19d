-- The whole protocol: claims that are completed elsewhere (delegated), intents that an operator lets happen once
-- more (superseded), tombstones of receipts past their time (pruned), and transactions that commit with their receipt.
-- Not valid: what the narrower checks before let in is valid, and looking at every row would hold everybody up.
alter table :SCHEMA.receipts
  add column transactional boolean not null default false,
  add column retain_for interval,
  add column grace interval not null default '10 seconds';
alter table :SCHEMA.receipts
  drop constraint receipts_state_check,
  drop constraint receipts_check,
  add constraint receipts_state_check
    check (state in ('claimed', 'delegated', 'unknown', 'committed', 'rejected', 'released', 'superseded', 'pruned')) not valid,
  add constraint receipts_outcome_check check (
    case when state in ('committed', 'rejected') then outcome_format is not null and settled_at is not null
      when state = 'superseded' then true
      else outcome_format is null and outcome is null end) not valid;

alter table :SCHEMA.evidence
  drop constraint evidence_verdict_check,
  add constraint evidence_verdict_check
    check (verdict in ('committed', 'not-committed', 'rejected', 'undetermined', 'superseded')) not valid;

-- The histories of the database that have been seen: a failover to a replica, and a restore to a point in time, begin
-- a new one, in which the last claims of the old one may be missing. (A copy of the files that is started again does not.)
create table :SCHEMA.timelines (
  id text primary key,
  seen_at timestamptz not null default clock_timestamp()
);

-- Which history the database is in; null where it does not tell.
create function :SCHEMA.current_timeline() returns text language plpgsql as $current_timeline$
begin
  return (select s.system_identifier::text from pg_control_system() s) || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
exception when others then
  return null;
end $current_timeline$;

-- Whether a new history was first seen within the last `age_ms` milliseconds.
create function :SCHEMA.failed_over_within(age_ms float8) returns boolean language plpgsql as $failed_over_within$
declare
  current text := :SCHEMA.current_timeline();
begin
  if current is null then return false; end if;
  if not exists (select from :SCHEMA.timelines t where t.id = current) then
    insert into :SCHEMA.timelines (id) values (current) on conflict do nothing;
  end if;
  return exists (select from :SCHEMA.timelines t
    where t.id = current and t.seen_at > clock_timestamp() - age_ms * interval '1 millisecond');
end $failed_over_within$;

-- What was there before the receipts cannot have lost one. Where there are some already nobody knows: then as of now.
insert into :SCHEMA.timelines (id, seen_at)
select t.id, case when exists (select from :SCHEMA.receipts) then clock_timestamp() else '-infinity' end
from :SCHEMA.current_timeline() t (id) where t.id is not null;
