-- Expands. Everything the gateway needs in local_trusted mode: companies and who may enter them, projects,
-- agents, their keys and runs, and the outbox through which the secrets service learns of mutations.
-- Tables of users, sessions, board keys and invites come with authenticated mode.

-- One row: what every gateway over this database must agree on.
create table instance_settings (
  id smallint primary key default 1 check (id = 1),
  -- Authenticates page cursors, so that any gateway reads what another one wrote.
  cursor_key bytea not null check (octet_length(cursor_key) = 32),
  created_at timestamptz not null default now()
);

-- gen_random_uuid() draws 122 strong random bits each time; four of them make well over 256.
insert into instance_settings (cursor_key)
values (sha256(convert_to(
  gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text,
  'UTF8'
)));

create table instance_user_roles (
  user_id text not null check (user_id <> ''),
  role text not null check (role in ('instance_admin')),
  created_at timestamptz not null default now(),
  primary key (user_id, role)
);

create table companies (
  id uuid primary key,
  name text not null check (char_length(name) between 1 and 120),
  status text not null default 'active' check (status in ('active', 'archived')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table company_memberships (
  company_id uuid not null references companies (id) on delete cascade,
  principal_type text not null check (principal_type in ('user')),
  principal_id text not null check (principal_id <> ''),
  role text not null check (role in ('viewer', 'operator', 'admin', 'owner')),
  status text not null default 'active' check (status in ('active', 'suspended')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (company_id, principal_type, principal_id)
);
create index company_memberships_principal on company_memberships (principal_type, principal_id);

create table projects (
  id uuid primary key,
  company_id uuid not null references companies (id) on delete cascade,
  name text not null check (char_length(name) between 1 and 120),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (company_id, id)
);

create table agents (
  id uuid primary key,
  company_id uuid not null references companies (id) on delete cascade,
  name text not null check (char_length(name) between 1 and 120),
  adapter_type text not null check (char_length(adapter_type) between 1 and 120),
  status text not null default 'active' check (status in ('active', 'paused', 'terminated')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (company_id, id)
);

-- An environment was written for an agent that does not exist yet; what stays here is swept.
create table pending_agent_environments (
  agent_id uuid primary key,
  company_id uuid not null references companies (id) on delete cascade,
  created_at timestamptz not null default now()
);
create index pending_agent_environments_age on pending_agent_environments (created_at);

create table agent_api_keys (
  id uuid primary key,
  company_id uuid not null,
  agent_id uuid not null,
  name text not null check (char_length(name) between 1 and 120),
  -- SHA-256 of the whole token: 256 random bits need no salt and no slow hash.
  key_hash bytea not null unique check (octet_length(key_hash) = 32),
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  expires_at timestamptz,
  foreign key (company_id, agent_id) references agents (company_id, id) on delete cascade
);
create index agent_api_keys_agent on agent_api_keys (agent_id, id);

create table runs (
  id uuid primary key,
  company_id uuid not null,
  agent_id uuid not null,
  -- No foreign key: a closed run keeps naming the project it ran for, also when that is gone.
  project_id uuid,
  status text not null default 'running'
    check (status in ('running', 'succeeded', 'failed', 'cancelled', 'expired')),
  opened_by_actor_type text not null check (opened_by_actor_type in ('user', 'agent', 'service')),
  opened_by_actor_id text not null,
  opened_by_credential_kind text not null,
  opened_by_credential_id text,
  lease_seconds integer check (lease_seconds > 0),
  lease_expires_at timestamptz,
  expires_at timestamptz not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  check ((lease_seconds is null) = (lease_expires_at is null)),
  check ((status = 'running') = (finished_at is null)),
  foreign key (company_id, agent_id) references agents (company_id, id) on delete cascade
);
create index runs_company on runs (company_id, id);
create index runs_agent_open on runs (agent_id) where status = 'running';
create index runs_project_open on runs (project_id) where status = 'running';
-- The sweeper's: the moment from which a run that is still open must be closed.
create index runs_due on runs (least(expires_at, lease_expires_at)) where status = 'running';

-- Activity rows and commands on their way to the secrets service; deleted once delivered.
create table outbox (
  seq bigint generated always as identity primary key,
  id uuid not null unique,
  company_id uuid,
  item jsonb not null,
  attempts integer not null default 0,
  -- Set when the receiver refused this row: its company waits until then, others go on.
  not_before timestamptz,
  created_at timestamptz not null default now()
);
create index outbox_refused on outbox (not_before) where not_before is not null;

-- One gateway delivers at a time, or rows could overtake each other.
create table outbox_lease (
  id smallint primary key default 1 check (id = 1),
  holder uuid,
  lease_until timestamptz not null default '-infinity'
);
insert into outbox_lease default values;
