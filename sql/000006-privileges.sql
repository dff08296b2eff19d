-- The state machine, whoever writes: what the guard's own statements see to holds for raw SQL as well. After the update, for a
-- trigger before it locks each row once more. The usual settlement is let through by two words: any condition is read and
-- planned again for each statement, and the whole rule took Postgres a fifth of a claim and its settlement.
create function :SCHEMA.check_step() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $check_step$
declare
  is_over boolean := old.lease_until <= clock_timestamp();
  is_past_grace boolean := old.lease_until + old.grace <= clock_timestamp();
  is_step boolean;
begin
  is_step := (new.key, new.namespace, new.request_id, new.action, new.fingerprint, new.claimed_at)
      = (old.key, old.namespace, old.request_id, old.action, old.fingerprint, old.claimed_at)
    and case
      when new.epoch = old.epoch + 1 then new.state = 'claimed' and not old.contested
        and (old.state in ('released', 'unknown') or (old.state = 'claimed' and is_over))
        and (new.doubt or old.state = 'released' or (old.state = 'claimed' and old.transactional and not old.doubt))
      when new.epoch <> old.epoch or new.token <> old.token then false
      when old.state in ('claimed', 'delegated') then
        new.state in ('delegated', 'unknown', 'committed', 'rejected', 'released', old.state)
        or (new.state = 'superseded' and old.state = 'claimed' and is_past_grace)
      when old.state = 'unknown' then new.state in ('unknown', 'committed', 'rejected')
        or (new.state in ('released', 'superseded') and is_past_grace)
      when old.state = 'released' then new.state in ('released', 'unknown', 'committed', 'rejected', 'superseded')
      when old.state in ('committed', 'rejected') then new.state = 'pruned'
        or (new.state in (old.state, 'superseded') and new.settled_at = old.settled_at
          and new.outcome_format = old.outcome_format and new.outcome is not distinct from old.outcome)
      when old.state = 'superseded' then new.state = 'superseded' and (new.outcome is null or new.outcome = old.outcome)
      else false
    end;
  if is_step then return null; end if;
  raise exception 'activity-guard: no receipt goes from % (epoch %) to % (epoch %) like this', old.state, old.epoch, new.state, new.epoch
    using errcode = 'check_violation', hint = 'Resolve or supersede it with the activity-guard command.';
end $check_step$;
create trigger receipts_steps after update on :SCHEMA.receipts for each row
  when (old.state <> 'claimed' or new.state <> 'committed') execute function :SCHEMA.check_step();
-- Set by no settlement.
create trigger receipts_claims after update of epoch, token, key, namespace, request_id, action, fingerprint, claimed_at
  on :SCHEMA.receipts for each row execute function :SCHEMA.check_step();

-- Whose it is, where it came before there was a receipt.
alter table :SCHEMA.evidence add column namespace text;

-- Workers need no right to write histories of the database by hand.
alter function :SCHEMA.current_timeline() security definer set search_path = pg_catalog, pg_temp;
alter function :SCHEMA.failed_over_within(float8) security definer set search_path = pg_catalog, pg_temp;

-- The key of a receipt, as the library computes it, for namespaces in ASCII: a tenant may use no other tenant's keys.
create function :SCHEMA.key_of(namespace text, request_id text) returns uuid language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
  as $key_of$
declare
  generation text := substring(request_id from '~g([1-9][0-9]{0,2})$');
  intent text := regexp_replace(request_id, '~g[1-9][0-9]{0,2}$', '');
  hash text := coalesce(substring(intent from '^sha256:([0-9a-f]{64})$'), encode(sha256(convert_to(normalize(intent), 'UTF8')), 'hex'));
begin
  if generation <> '1' then
    hash := encode(sha256(convert_to('64:' || hash || '/' || length(generation) + 2 || ':', 'UTF8') || '\x00'::bytea
      || convert_to('g' || generation, 'UTF8')), 'hex');
  end if;
  return left(encode(sha256(convert_to(length(namespace) || ':' || namespace || '/64:' || hash, 'UTF8')), 'hex'), 32)::uuid;
end $key_of$;
