-- Expands. People and what they authenticate with: Better Auth's own tables under the names of the documents, board
-- keys, the board claim, sign-ins of the CLI, and invites.

-- Better Auth reads and writes these four and authRateLimits with its own statements: their columns are its.
create table "authUsers" (
  id text primary key,
  name text not null,
  email text not null unique,
  "emailVerified" boolean not null default false,
  image text,
  "createdAt" timestamptz not null default now(),
  "updatedAt" timestamptz not null default now()
);

create table "authSessions" (
  id text primary key,
  "expiresAt" timestamptz not null,
  -- Useless as it stands here: a cookie also carries its HMAC under the deployment's secret.
  token text not null unique,
  "createdAt" timestamptz not null default now(),
  "updatedAt" timestamptz not null default now(),
  "ipAddress" text,
  "userAgent" text,
  "userId" text not null references "authUsers" (id) on delete cascade
);
create index "authSessions_user" on "authSessions" ("userId");

create table "authAccounts" (
  id text primary key,
  "accountId" text not null,
  "providerId" text not null,
  "userId" text not null references "authUsers" (id) on delete cascade,
  "accessToken" text,
  "refreshToken" text,
  "idToken" text,
  "accessTokenExpiresAt" timestamptz,
  "refreshTokenExpiresAt" timestamptz,
  scope text,
  -- A slow, salted hash.
  password text,
  "createdAt" timestamptz not null default now(),
  "updatedAt" timestamptz not null default now()
);
create index "authAccounts_user" on "authAccounts" ("userId");

create table "authVerifications" (
  id text primary key,
  identifier text not null,
  value text not null,
  "expiresAt" timestamptz not null,
  "createdAt" timestamptz not null default now(),
  "updatedAt" timestamptz not null default now()
);
create index "authVerifications_identifier" on "authVerifications" (identifier);

create table "authRateLimits" (
  id text primary key,
  key text not null unique,
  count integer not null,
  "lastRequest" bigint not null
);

-- A session slides with use, but never past 12 hours from its beginning, whoever writes the row.
create function cap_session_lifetime() returns trigger language plpgsql
  set search_path from current
as $$
begin
  if tg_op = 'UPDATE' then
    new."createdAt" := old."createdAt";
  end if;
  new."expiresAt" := least(new."expiresAt", new."createdAt" + interval '12 hours');
  return new;
end $$;
create trigger "authSessions_cap" before insert or update on "authSessions"
  for each row execute function cap_session_lifetime();

create table board_api_keys (
  id uuid primary key,
  -- A user, or the local operator, who has no row: no foreign key, see forget_user below.
  user_id text not null check (user_id <> ''),
  name text not null check (char_length(name) between 1 and 120),
  -- SHA-256 of the whole token, as for agent keys.
  key_hash bytea not null unique check (octet_length(key_hash) = 32),
  -- Set: the key enters this company only.
  company_id uuid references companies (id) on delete cascade,
  -- What the key may carry of its user's administration; counts while the user is an admin.
  instance_admin boolean not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  expires_at timestamptz,
  check (company_id is null or not instance_admin)
);
create index board_api_keys_user on board_api_keys (user_id, id);
create index board_api_keys_company on board_api_keys (company_id) where company_id is not null;

-- One row a start of an unclaimed instance. The row of instance_settings is what claimants lock.
create table board_claims (
  id uuid primary key,
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  code_hash bytea not null check (octet_length(code_hash) = 32),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
alter table instance_settings
  add column claimed_at timestamptz,
  add column claimed_by_user_id text;

create table cli_auth_challenges (
  id uuid primary key,
  token_hash bytea not null check (octet_length(token_hash) = 32),
  -- Of the board key that comes to be when the challenge is approved.
  key_hash bytea not null unique check (octet_length(key_hash) = 32),
  command text not null check (char_length(command) between 1 and 240),
  client_name text check (char_length(client_name) between 1 and 120),
  requested_access text not null check (requested_access in ('board', 'instance_admin_required')),
  -- No foreign key: a stranger may ask for anything, and only an approval looks whether it exists.
  requested_company_id uuid,
  status text not null default 'pending' check (status in ('pending', 'approved', 'cancelled')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index cli_auth_challenges_expiry on cli_auth_challenges (expires_at);

create table company_invites (
  id uuid primary key,
  company_id uuid not null references companies (id) on delete cascade,
  role text not null check (role in ('viewer', 'operator', 'admin', 'owner')),
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  created_by_user_id text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  accepted_at timestamptz,
  accepted_by_user_id text,
  revoked_at timestamptz
);
create index company_invites_company on company_invites (company_id, id);
create index company_invites_creator on company_invites (created_by_user_id);

-- A company that is deleted takes its agents along, and each of them is asked for its runs.
create index runs_agent on runs (company_id, agent_id);

-- However a user is deleted, by the API or by hand, nothing that authenticates for them stays behind.
create function forget_user() returns trigger language plpgsql
  set search_path from current
as $$
begin
  delete from board_api_keys where user_id = old.id;
  delete from company_memberships where principal_type = 'user' and principal_id = old.id;
  delete from instance_user_roles where user_id = old.id;
  update company_invites set revoked_at = now()
    where created_by_user_id = old.id and accepted_at is null and revoked_at is null;
  return null;
end $$;
create trigger "authUsers_forget" after delete on "authUsers"
  for each row execute function forget_user();
