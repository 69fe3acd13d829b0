-- Expands. Better Auth writes users, passwords and sessions with statements and transactions of its own, and operators
-- delete sessions and users by hand. So it is the tables that write the activity rows of these changes: none can
-- happen without its row, whoever makes it, and both are committed together.

-- paperclip.author says who stands behind a change. 'self': the person it is about. 'gateway': the gateway for itself.
-- 'user:<id>': that user. Unset: somebody who is connected to the database by hand.
create function record_identity_change() returns trigger language plpgsql
  set search_path from current
as $$
declare
  setting text := coalesce(current_setting('paperclip.author', true), '');
  author jsonb;
  event_id uuid;
  happened text;
  noun text;
  subject text;
  person text;
  facts jsonb := '{}';
begin
  if tg_table_name = 'authSessions' then
    noun := 'session';
    if tg_op = 'INSERT' then
      happened := 'session.created';
      subject := new.id;
      person := new."userId";
      facts := jsonb_build_object('userId', person);
    else
      happened := 'session.ended';
      subject := old.id;
      person := old."userId";
      facts := jsonb_build_object('userId', person, 'expired', old."expiresAt" <= now());
      -- Nobody ends what has run out: the first to come across it only clears it away.
      if setting = 'self' and old."expiresAt" <= now() then
        setting := 'gateway';
      end if;
    end if;
  elsif tg_table_name = 'authAccounts' then
    noun := 'user';
    happened := 'user.password_changed';
    person := new."userId";
    subject := person;
  else
    noun := 'user';
    person := case tg_op when 'INSERT' then new.id else old.id end;
    subject := person;
    happened := case tg_op when 'INSERT' then 'user.created' else 'user.deleted' end;
    -- The gateway's own deletion knows more than the table, and writes its row itself.
    if tg_op = 'DELETE' and setting <> '' then
      return null;
    end if;
  end if;

  author := case
    when setting = 'self' then jsonb_build_object('actorType', 'user', 'actorId', person)
    when setting like 'user:%' then jsonb_build_object('actorType', 'user', 'actorId', substr(setting, 6))
    when setting = '' then jsonb_build_object('actorType', 'system', 'actorId', 'database')
    else jsonb_build_object('actorType', 'system', 'actorId', 'gateway')
  end;

  -- A UUID version 7 (RFC 9562 section 5.7): milliseconds over the first six bytes of a version 4, then the two bits
  -- that make 4 a 7.
  event_id := encode(set_bit(set_bit(overlay(
      uuid_send(gen_random_uuid())
      placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6
    ), 52, 1), 53, 1), 'hex')::uuid;
  insert into outbox (id, company_id, item) values (event_id, null, jsonb_build_object(
    'id', event_id,
    'activity', author || jsonb_build_object(
      'companyId', null, 'action', happened, 'entityType', noun, 'entityId', subject, 'runId', null,
      'metadata', facts,
      'timestamp', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    ),
    'command', null
  ));
  return null;
end $$;

create trigger "authUsers_record" after insert or delete on "authUsers"
  for each row execute function record_identity_change();
create trigger "authSessions_record" after insert or delete on "authSessions"
  for each row execute function record_identity_change();
create trigger "authAccounts_record" after update of password on "authAccounts"
  for each row when (old.password is distinct from new.password) execute function record_identity_change();

-- What the sweeper looks for.
create index "authSessions_expiry" on "authSessions" ("expiresAt");
create index "authVerifications_expiry" on "authVerifications" ("expiresAt");
