-- Retention, and the steps that write no evidence: an outcome that becomes unknown, and one that becomes final. The audit log has
-- them from where they are seen: the state machine, and the first look of the reconciler at a claim whose lease ran out.

-- Adds to a chain. Only the owner's triggers may call it.
create function :SCHEMA.audit_add(added :SCHEMA.audit) returns void language plpgsql
  set search_path = pg_catalog, pg_temp as $audit_add$
begin
  insert into :SCHEMA.audit_heads (namespace) values (added.namespace) on conflict do nothing;
  select h.seq + 1, h.hash into added.seq, added.previous
    from :SCHEMA.audit_heads h where h.namespace = added.namespace for update;
  added.at := clock_timestamp();
  added.role := session_user;
  -- Each field with its length in bytes, so that nothing can be moved from one to the next.
  added.hash := (
    select sha256(convert_to(string_agg(coalesce(octet_length(convert_to(f.value, 'UTF8')) || ':' || f.value, '-'), ''
      order by f.place), 'UTF8'))
    from unnest(array[
      'activity-guard audit 1', added.namespace, added.seq::text,
      to_char(added.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), added.key::text, added.request_id,
      added.epoch::text, added.source, added.verdict, added.actor, added.note, added.late::text, added.outcome_format,
      added.outcome_sha256, added.role, encode(added.previous, 'hex')
    ]) with ordinality as f (value, place));
  insert into :SCHEMA.audit select (added).*;
  update :SCHEMA.audit_heads h set seq = added.seq, hash = added.hash where h.namespace = added.namespace;
end $audit_add$;

create or replace function :SCHEMA.audit_evidence() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
  security definer as $audit_evidence$
declare
  entry :SCHEMA.audit%rowtype;
begin
  select r.namespace, r.request_id into entry.namespace, entry.request_id from :SCHEMA.receipts r
    where r.key = new.key and r.namespace = coalesce(new.namespace, r.namespace);
  -- Workers of a release before this do not say the namespace. Who says one speaks in its own chain alone.
  entry.namespace := coalesce(new.namespace, entry.namespace, '');
  entry.key := new.key;
  entry.epoch := new.epoch;
  entry.source := new.source;
  entry.verdict := new.verdict;
  entry.actor := new.actor;
  entry.note := new.note;
  entry.late := new.late;
  entry.outcome_format := new.outcome_format;
  entry.outcome_sha256 := encode(sha256(new.outcome), 'hex');
  perform :SCHEMA.audit_add(entry);
  return null;
end $audit_evidence$;

-- A step that is nobody's: its verdict is one that no evidence has. Field by field, for a row as an argument would tie the function
-- to the table, which may be divided.
create function :SCHEMA.audit_step(namespace text, key uuid, request_id text, epoch integer, verdict text, note text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $audit_step$
declare
  entry :SCHEMA.audit%rowtype;
begin
  entry.namespace := namespace;
  entry.key := key;
  entry.request_id := request_id;
  entry.epoch := epoch;
  entry.source := 'receipt';
  entry.verdict := verdict;
  entry.note := note;
  entry.late := false;
  perform :SCHEMA.audit_add(entry);
end $audit_step$;

revoke all on function :SCHEMA.audit_add(:SCHEMA.audit), :SCHEMA.audit_step(text, uuid, text, integer, text, text) from public;

-- As before, and: what is settled is pruned once it is final, not contested, and as old as its claim asked for. Its result may go
-- first. As the owner of the tables, for the log.
create or replace function :SCHEMA.check_step() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
  security definer as $check_step$
declare
  has_lapsed boolean := old.lease_until <= clock_timestamp();
  is_after_grace boolean := old.lease_until + old.grace <= clock_timestamp();
  is_kept boolean := old.contested or (old.finality is not null and old.final_at is null)
    or clock_timestamp() - old.settled_at < coalesce(old.retain_for, interval '0');
  is_step boolean;
begin
  is_step := (new.key, new.namespace, new.request_id, new.action, new.fingerprint, new.claimed_at)
      = (old.key, old.namespace, old.request_id, old.action, old.fingerprint, old.claimed_at)
    and case
      when new.epoch = old.epoch + 1 then new.state = 'claimed' and not old.contested
        and (old.state in ('released', 'unknown') or (old.state = 'claimed' and has_lapsed))
        and (new.doubt or old.state = 'released' or (old.state = 'claimed' and old.transactional and not old.doubt))
      when (new.epoch, new.token) <> (old.epoch, old.token) then false
      when old.state in ('claimed', 'delegated') then
        new.state in ('delegated', 'unknown', 'committed', 'rejected', 'released', old.state)
        or (new.state = 'superseded' and old.state = 'claimed' and is_after_grace)
      when old.state = 'unknown' then new.state in ('unknown', 'committed', 'rejected')
        or (new.state in ('released', 'superseded') and is_after_grace)
      when old.state = 'released' then new.state in ('released', 'unknown', 'committed', 'rejected', 'superseded')
      when old.state in ('committed', 'rejected') then new.settled_at = old.settled_at and (
        (new.state in (old.state, 'superseded')
          and (new.outcome_format, new.outcome) is not distinct from (old.outcome_format, old.outcome))
        or (new.state = 'pruned' and not is_kept)
        or (new.state = 'committed' and old.state = 'committed' and not is_kept
          and new.outcome_format = 'none' and new.outcome = ''))
      when old.state = 'superseded' then new.state = 'superseded' and (new.outcome is null or new.outcome = old.outcome)
      else false
    end;
  if is_step is not true then
    raise exception 'activity-guard: no receipt goes from % (epoch %) to % (epoch %) like this', old.state, old.epoch, new.state, new.epoch
      using errcode = 'check_violation', hint = 'Resolve or supersede it with the activity-guard command.';
  end if;
  if new.state = 'unknown' and old.state <> 'unknown' then
    perform :SCHEMA.audit_step(new.namespace, new.key, new.request_id, new.epoch, 'unknown', 'it was ' || old.state);
  elsif new.final_at is not null and old.final_at is null then
    perform :SCHEMA.audit_step(new.namespace, new.key, new.request_id, new.epoch, 'final', null);
  end if;
  return null;
end $check_step$;

-- The first look at a claim that nobody has marked: a lease that runs out is no step of its receipt.
create function :SCHEMA.audit_lapse() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
  security definer as $audit_lapse$
declare
  receipt :SCHEMA.receipts%rowtype;
begin
  select r.* into receipt from :SCHEMA.receipts r
    where r.key = new.key and :SCHEMA.read_by_key(r.key) and r.namespace = new.namespace
      and r.state = 'claimed' and r.lease_until <= clock_timestamp() and (r.doubt or not r.transactional);
  if found then
    perform :SCHEMA.audit_step(receipt.namespace, receipt.key, receipt.request_id, receipt.epoch, 'unknown', 'its lease ran out');
  end if;
  return null;
end $audit_lapse$;
create trigger queue_first_look after update of looks on :SCHEMA.queue for each row
  when (old.looks = 0 and new.looks = 1) execute function :SCHEMA.audit_lapse();
