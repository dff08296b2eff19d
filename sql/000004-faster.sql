-- Always true, and said to be dear: the planner then evaluates it for as few receipts as it can, which is to look each of
-- them up by its key. It has no other way to be told: a plan that it made while the table was small, and keeps, would
-- read all of the table for ever after. (Of a table that was analyzed with fewer than ten rows it may still.)
create function :SCHEMA.read_by_key(key uuid) returns boolean language plpgsql immutable parallel safe cost 100000
  as $read_by_key$ begin return true; end $read_by_key$;

-- What a single column may hold is said by its type: a check of the table is read and planned again for every statement
-- that writes (10 µs each), one of a domain once per connection. No row is rewritten or read: the domains get their checks
-- afterwards, and those are not valid for what is there, which the checks before them let in.
create domain :SCHEMA.state as text;
create domain :SCHEMA.policy as text;
create domain :SCHEMA.fingerprint as bytea;
create domain :SCHEMA.epoch as integer;
alter table :SCHEMA.receipts
  drop constraint receipts_fingerprint_check,
  drop constraint receipts_state_check,
  drop constraint receipts_policy_check,
  drop constraint receipts_epoch_check,
  drop constraint receipts_outcome_check;
alter table :SCHEMA.receipts
  alter column fingerprint type :SCHEMA.fingerprint,
  alter column state type :SCHEMA.state,
  alter column policy type :SCHEMA.policy,
  alter column epoch type :SCHEMA.epoch;
alter domain :SCHEMA.state add constraint state_check
  check (value in ('claimed', 'delegated', 'unknown', 'committed', 'rejected', 'released', 'superseded', 'pruned')) not valid;
alter domain :SCHEMA.policy add constraint policy_check
  check (value in ('hold', 'fail', 'ask', 'probe', 'retry')) not valid;
alter domain :SCHEMA.fingerprint add constraint fingerprint_check check (octet_length(value) = 32) not valid;
alter domain :SCHEMA.epoch add constraint epoch_check check (value > 0) not valid;
alter table :SCHEMA.receipts add constraint receipts_outcome_check check (
  case when state in ('committed', 'rejected') then outcome_format is not null and settled_at is not null
    when state = 'superseded' then true
    else outcome_format is null and outcome is null end) not valid;
