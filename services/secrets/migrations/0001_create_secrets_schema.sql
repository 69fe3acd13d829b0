-- Why: the first schema of the secrets service: keys, secrets, versions, environments, bindings, audit.
-- Expands. Audit tables are append-only by privilege (grants.ts) and by trigger, and carry the id of the
-- transaction that wrote them, so that a sealer can follow behind without touching a row.

create table master_keys (
  id text primary key check (id ~ '^mk_[0-9a-f]{16}$'),
  salt bytea not null check (octet_length(salt) = 32),
  iterations integer not null check (iterations >= 600000),
  created_at timestamptz not null default now(),
  -- The newest activated row is the one that wraps; a configured key is not used to wrap before.
  activated_at timestamptz,
  retired_at timestamptz
);

create table company_keys (
  id uuid primary key,
  company_id uuid not null unique,
  master_key_id text references master_keys (id) on delete restrict,
  wrapped bytea,
  created_at timestamptz not null default now(),
  -- A tombstone: the company was deleted, and no key is ever made for its id again.
  shredded_at timestamptz,
  check ((wrapped is null) = (shredded_at is not null)),
  check (wrapped is null or master_key_id is not null)
);

create table company_secrets (
  id uuid primary key,
  company_id uuid not null,
  key text not null check (char_length(key) between 1 and 120),
  name text not null check (char_length(name) between 1 and 160),
  provider text not null check (provider in ('local_encrypted', 'aws_secrets_manager', 'gcp_secret_manager', 'vault')),
  status text not null default 'active' check (status in ('active', 'disabled', 'archived', 'deleted')),
  managed_mode text not null check (managed_mode in ('paperclip_managed', 'external_reference')),
  external_ref text,
  provider_config_id uuid,
  provider_metadata jsonb,
  latest_version integer not null default 0 check (latest_version >= 0),
  description text check (char_length(description) <= 500),
  last_resolved_at timestamptz,
  last_rotated_at timestamptz,
  deleted_at timestamptz,
  created_by_agent_id uuid,
  created_by_user_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- Lets versions, bindings and events name secret and company together, so that neither can drift.
  unique (company_id, id),
  check ((status = 'deleted') = (deleted_at is not null))
);
-- Names and keys are free again once a secret is deleted.
create unique index company_secrets_name_taken on company_secrets (company_id, name) where deleted_at is null;
create unique index company_secrets_key_taken on company_secrets (company_id, key) where deleted_at is null;
-- Last resolved times are written aside, often: room on the page keeps those updates out of the indexes.
alter table company_secrets set (fillfactor = 80);

create table company_secret_versions (
  id uuid primary key,
  company_id uuid not null,
  secret_id uuid not null,
  -- Null while a provider has not confirmed the write.
  version integer check (version >= 1),
  status text not null check (status in ('pending', 'failed', 'current', 'previous', 'disabled', 'destroyed')),
  -- The whole envelope in one string; null for external references and destroyed versions.
  sealed bytea,
  fingerprint bytea,
  provider_version_ref text,
  lease_until timestamptz,
  created_by_agent_id uuid,
  created_by_user_id text,
  created_at timestamptz not null default now(),
  foreign key (company_id, secret_id) references company_secrets (company_id, id) on delete restrict,
  unique (secret_id, version),
  check ((version is null) = (status in ('pending', 'failed'))),
  check (status <> 'destroyed' or sealed is null)
);
create unique index company_secret_versions_one_current on company_secret_versions (secret_id) where status = 'current';
create unique index company_secret_versions_one_pending on company_secret_versions (secret_id) where status = 'pending';

create table environments (
  company_id uuid not null,
  target_type text not null check (target_type in ('agent', 'project')),
  target_id uuid not null,
  -- New with every change; authenticated by the sealed values, so an older state cannot be put back.
  revision_id uuid not null,
  -- Every name in the order it was given, references included.
  names text[] not null,
  -- Plain values in the open, as JSON text: {"NAME": "value"}.
  plain text not null,
  -- Plain values with a sensitive name or look, as one sealed JSON object; null when there are none.
  sealed bytea,
  updated_at timestamptz not null default now(),
  primary key (company_id, target_type, target_id)
);

create table company_secret_bindings (
  id uuid not null unique,
  company_id uuid not null,
  secret_id uuid not null,
  target_type text not null check (target_type in ('agent', 'project')),
  target_id uuid not null,
  config_path text not null check (config_path like 'env.%'),
  -- Null follows the latest version.
  version integer check (version >= 1),
  created_at timestamptz not null default now(),
  primary key (company_id, target_type, target_id, config_path),
  foreign key (company_id, secret_id) references company_secrets (company_id, id) on delete restrict
);
create index company_secret_bindings_of_secret on company_secret_bindings (secret_id);

-- One row per reveal or refusal. No foreign keys: nothing cascades into the record, and it outlives what it names.
-- (company_id, resolve_id, 0) always exists, so the primary key is also what refuses a replayed resolve.
create table secret_access_events (
  company_id uuid not null,
  resolve_id uuid not null,
  ordinal smallint not null check (ordinal between 0 and 4095),
  secret_id uuid,
  secret_key text,
  version integer,
  provider text,
  actor_type text not null check (actor_type in ('user', 'agent', 'service')),
  actor_id text not null,
  opened_by jsonb,
  target_type text,
  target_id uuid,
  config_path text,
  run_id uuid,
  outcome text not null check (outcome in ('success', 'denied', 'failure')),
  code text,
  follows_event_id uuid,
  request_id text not null,
  created_at timestamptz not null default now(),
  written_in xid8 not null default pg_current_xact_id(),
  primary key (company_id, resolve_id, ordinal)
);
create index secret_access_events_of_secret on secret_access_events (secret_id, resolve_id);

-- One row per mutation, written in the mutation's transaction, or delivered by the gateway's outbox.
create table activity_log (
  id uuid primary key,
  company_id uuid,
  action text not null check (action ~ '^[a-z_.]+$'),
  actor_type text not null check (actor_type in ('user', 'agent', 'system', 'service')),
  actor_id text not null,
  entity_type text not null,
  entity_id text not null,
  run_id uuid,
  metadata jsonb not null default '{}',
  timestamp timestamptz not null default now(),
  written_in xid8 not null default pg_current_xact_id()
);
create index activity_log_of_company on activity_log (company_id, id);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit rows are never changed or removed' using errcode = 'insufficient_privilege';
end
$$;
create trigger secret_access_events_append_only before update or delete on secret_access_events
  for each row execute function refuse_audit_change();
create trigger secret_access_events_no_truncate before truncate on secret_access_events
  for each statement execute function refuse_audit_change();
create trigger activity_log_append_only before update or delete on activity_log
  for each row execute function refuse_audit_change();
create trigger activity_log_no_truncate before truncate on activity_log
  for each statement execute function refuse_audit_change();

-- What the gateway's outbox has delivered, so that a second delivery changes nothing.
create table applied_outbox_items (
  id uuid primary key,
  applied_at timestamptz not null default now()
);

-- Signed requests that changed something: a second one with the same nonce finds it taken.
create table request_nonces (
  key_id text not null,
  nonce text not null,
  expires_at timestamptz not null,
  primary key (key_id, nonce)
);
create index request_nonces_expiry on request_nonces (expires_at);

-- One row: what every process of this service must share without asking each other.
create table instance_settings (
  only_row boolean primary key default true check (only_row),
  -- Authenticates page cursors. Not a secret worth keeping: a forged cursor still carries the company check.
  cursor_key bytea not null
);
insert into instance_settings (cursor_key)
  values (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
