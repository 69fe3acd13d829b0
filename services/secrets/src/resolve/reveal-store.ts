import type { ProblemCode, ProviderId, VaultConfig } from '@paperclip/contracts'
import { mustDestroyClient } from '@paperclip/db'
import type pg from 'pg'
import type { StoredVersion } from '../provider/provider.js'
import type { ResolveRequest } from './resolve-store.js'

/** The version that a key means for a run; absent when the key is not bound to it. */
export interface RevealRow {
  readonly secret_id: string
  readonly version_id: string
  readonly version: number
  readonly config_path: string
  readonly provider: ProviderId
  readonly external_ref: string | null
  readonly provider_version_ref: string | null
  readonly provider_config_id: string | null
  readonly managed_mode: StoredVersion['managedMode']
  readonly vault_config: VaultConfig | null
  readonly key: string
  readonly sealed: Buffer | null
  readonly code: ProblemCode | null
}

/**
 * As the resolve statement, for one key: bound with several selectors, `latest` wins, else the highest pin. A key
 * that is not bound, or does not exist, writes a denied event in the caller's company.
 */
const text = `
with bound as materialized (
  select b.config_path, b.target_type, b.target_id, s.id as secret_id, s.key, s.provider, v.id as version_id,
    coalesce(v.version, b.version, s.latest_version) as version, v.sealed, v.external_ref,
    v.provider_version_ref, v.provider_config_id, s.managed_mode,
    case when v.provider_config_id is not null then (
      select c.config from company_secret_provider_configs c where c.id = v.provider_config_id
    ) end as vault_config,
    case
      when k.shredded_at is not null then 'company_shredded'
      when s.status = 'deleted' then 'secret_deleted'
      when s.status <> 'active' then 'secret_inactive'
      when v.id is null then 'version_missing'
      when v.status not in ('current', 'previous') then 'version_inactive'
      when b.version is null and v.status <> 'current' then 'version_inactive'
    end as code
  from company_secret_bindings b
  join company_secrets s on s.id = b.secret_id and s.company_id = b.company_id and s.key = $6
  left join company_secret_versions v
    on v.secret_id = s.id and v.company_id = s.company_id and v.version = coalesce(b.version, s.latest_version)
  left join company_keys k on k.company_id = b.company_id
  where b.company_id = $1
    and ((b.target_type = 'agent' and b.target_id = $3) or (b.target_type = 'project' and b.target_id = $4))
  order by (s.deleted_at is null) desc, (b.version is null) desc, b.version desc
  limit 1
),
recorded as (
  insert into secret_access_events (
    company_id, resolve_id, ordinal, secret_id, secret_key, version, provider, actor_type, actor_id, opened_by,
    target_type, target_id, config_path, run_id, outcome, code, request_id
  )
  select $1::uuid, $2::uuid, 0, b.secret_id, b.key, b.version, b.provider, $7, $8, $9::jsonb, b.target_type,
    b.target_id, b.config_path, $5::uuid, case when b.code is null then 'success' else 'failure' end, b.code, $10
  from bound b
  union all
  select $1, $2, 0, u.id, u.key, null, null, $7, $8, $9::jsonb, 'agent', $3, null, $5, 'denied', 'binding_missing',
    $10
  from (select 1) as once
  left join company_secrets u on u.company_id = $1 and u.key = $6 and u.deleted_at is null and u.latest_version > 0
  where not exists (select from bound)
)
select secret_id, version_id, version, config_path, key, provider, managed_mode, external_ref,
  provider_version_ref, provider_config_id, vault_config, sealed, code
from bound`

/** Records one access and reads what it is about. Undefined: not bound. Fails as the resolve statement does. */
export async function recordAndReadOne(
  pool: pg.Pool,
  request: Omit<ResolveRequest, 'targetType'>,
  key: string
): Promise<RevealRow | undefined> {
  const client = await pool.connect()
  let failure: unknown
  try {
    const { rows } = await client.query<RevealRow>({
      name: 'reveal-1',
      text,
      values: [
        request.companyId,
        request.resolveId,
        request.targetId,
        request.projectId,
        request.runId,
        key,
        request.actorType,
        request.actorId,
        JSON.stringify(request.openedBy),
        request.requestId
      ]
    })
    return rows[0]
  } catch (error) {
    failure = error
    throw error
  } finally {
    client.release(failure !== undefined && mustDestroyClient(failure))
  }
}
