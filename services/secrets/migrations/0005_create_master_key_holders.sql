-- Why: a master key may begin to wrap only when every process that is alive can open what it wraps, so each says here
-- which ones it holds. Expands.

-- One row for each process of the secrets service, while it lives.
create table master_key_holders (
  process_id uuid primary key,
  host text not null check (char_length(host) between 1 and 255),
  pid integer not null check (pid >= 0),
  -- [{"id": "mk_…", "source": "the file or variable it was read from"}]: names, never a key.
  keys jsonb not null check (jsonb_typeof(keys) = 'array'),
  started_at timestamptz not null default now(),
  -- Renewed while the process lives; one that was killed counts as alive until then.
  lease_until timestamptz not null
);

-- What a master key still wraps is asked for before it is retired.
create index company_keys_of_master_key on company_keys (master_key_id) where wrapped is not null;
