-- Why: named places of a company where values may lie, and the secrets that name one.
-- Expands. A vault is never removed: it is disabled, and stays for the record.

create table company_secret_provider_configs (
  id uuid primary key,
  company_id uuid not null,
  provider text not null check (provider in ('local_encrypted', 'aws_secrets_manager', 'gcp_secret_manager', 'vault')),
  display_name text not null check (char_length(display_name) between 1 and 120),
  status text not null check (status in ('ready', 'warning', 'coming_soon', 'disabled')),
  is_default boolean not null default false,
  -- Where it leads; never a credential.
  config jsonb not null check (jsonb_typeof(config) = 'object'),
  health_status text check (health_status in ('ready', 'warning', 'error', 'coming_soon', 'disabled')),
  health_checked_at timestamptz,
  health_message text,
  health_details jsonb,
  disabled_at timestamptz,
  created_by_agent_id uuid,
  created_by_user_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- Lets a secret name vault, company and provider together, so that none of them can drift.
  unique (company_id, id, provider),
  check ((status = 'disabled') = (disabled_at is not null)),
  check (not is_default or status in ('ready', 'warning')),
  check ((health_status is null) = (health_checked_at is null))
);
create unique index company_secret_provider_configs_one_default
  on company_secret_provider_configs (company_id, provider) where is_default;

alter table company_secrets add constraint company_secrets_of_vault
  foreign key (company_id, provider_config_id, provider)
  references company_secret_provider_configs (company_id, id, provider) on delete restrict;
create index company_secrets_in_vault on company_secrets (provider_config_id) where provider_config_id is not null;

-- Which vault a version was written to: a secret may move on, and its older versions stay where they are.
alter table company_secret_versions add column provider_config_id uuid
  references company_secret_provider_configs (id) on delete restrict;
create index company_secret_versions_in_vault
  on company_secret_versions (provider_config_id) where provider_config_id is not null;
