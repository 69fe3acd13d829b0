-- Why: a version may be pinned while its secret is pointed elsewhere, so each keeps where its own value lies.
-- Expands. The column of the secret stays what a reader sees: the place of the newest version.

alter table company_secret_versions
  add column external_ref text check (char_length(external_ref) between 1 and 2048),
  add constraint company_secret_versions_one_place check (sealed is null or external_ref is null);

alter table company_secrets add constraint company_secrets_external_has_place
  check (managed_mode = 'paperclip_managed' or external_ref is not null);
