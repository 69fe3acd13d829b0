-- Why: what lies at a remote provider is written, deleted and looked at in steps, each of which may be the last one.
-- Expands. A secret whose first value is not known to be written has `latest_version` 0 and is shown nowhere.

-- A pending version of ours is the token of its write at the provider: asking for it there tells what became of it.
-- Its `external_ref` is where it is being written: the ARN of a secret that exists, else the name of the new one.
alter table company_secret_versions
  -- Set by the write that made the remote secret: whether the provider took its tags.
  add column tagged boolean,
  add constraint company_secret_versions_pending_leased check (status <> 'pending' or lease_until is not null);
create index company_secret_versions_pending on company_secret_versions (lease_until) where status = 'pending';

-- Remote secrets to be deleted, and those that were: one row for each secret there and deletion here.
create table remote_deletions (
  id uuid primary key,
  company_id uuid not null,
  secret_id uuid not null,
  provider text not null,
  -- The provider's own full name (an ARN): a name may come to mean another secret.
  external_ref text not null check (char_length(external_ref) between 1 and 2048),
  -- The name in it, which stays reserved until the secret has gone.
  remote_name text not null,
  attempts integer not null default 0,
  -- Not tried before; moved on by whoever begins an attempt, so that nobody else does meanwhile.
  next_attempt_at timestamptz not null default now(),
  -- Why the last attempt failed: a code of ours.
  last_code text,
  -- When the provider forgets it, as far as it told.
  deletion_date timestamptz,
  done_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (company_id, secret_id) references company_secrets (company_id, id) on delete restrict
);
create unique index remote_deletions_one_open on remote_deletions (external_ref) where done_at is null;
create index remote_deletions_due on remote_deletions (next_attempt_at) where done_at is null;
create index remote_deletions_of_name on remote_deletions (company_id, remote_name);

-- Previews under way: the same one is not made twice at once, on any process.
create table remote_previews (
  provider_config_id uuid not null references company_secret_provider_configs (id) on delete restrict,
  -- A hash of what is searched for.
  search bytea not null check (octet_length(search) = 32),
  -- Whoever holds it may have died: free from then on.
  lease_until timestamptz not null,
  primary key (provider_config_id, search)
);
