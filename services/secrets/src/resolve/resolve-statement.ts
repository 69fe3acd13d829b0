/**
 * The one statement of the hot path, in plain SQL so that every clause can be read beside its plan.
 *
 * For each item it reads the bindings of the target and of its project, the versions they mean and their states,
 * judges them, inserts one access event a secret, and returns the sealed rows: one round trip, one commit. Values
 * are opened only after it has returned.
 *
 * - A project's variable hides an agent's of the same name, so the hidden one is neither revealed nor recorded.
 * - One faulty binding withholds the whole item; its siblings are recorded as denied, not as revealed.
 * - An item without bindings writes one event too: (company, resolve id, 0) then exists for every resolve, and the
 *   primary key refuses a second one with the same id. That is the replay guard.
 * - It updates nothing: resolves never wait for each other.
 * - Each look-up is a lateral with a limit, so that a plan made on an empty table goes by index for ever: joined
 *   plainly, some of them became merge joins or scans of all of a company's rows.
 */
export const resolveStatementText = `
with item as materialized (
  select i.n, i.resolve_id, i.company_id, i.target_type, i.target_id, i.project_id, i.actor_type, i.actor_id,
    i.opened_by::jsonb as opened_by, i.run_id, i.request_id, k.shredded_at is not null as shredded,
    t.revision_id as t_revision, t.plain as t_plain, t.sealed as t_sealed,
    p.revision_id as p_revision, p.plain as p_plain, p.sealed as p_sealed, p.names as p_names
  from unnest(
    $1::int[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[],
    $7::text[], $8::text[], $9::text[], $10::uuid[], $11::text[]
  ) as i (n, resolve_id, company_id, target_type, target_id, project_id,
          actor_type, actor_id, opened_by, run_id, request_id)
  left join company_keys k on k.company_id = i.company_id
  left join lateral (
    select e.revision_id, e.plain, e.sealed from environments e
    where e.company_id = i.company_id and e.target_type = i.target_type and e.target_id = i.target_id limit 1
  ) t on true
  left join lateral (
    select e.revision_id, e.plain, e.sealed, e.names from environments e
    where e.company_id = i.company_id and e.target_type = 'project' and e.target_id = i.project_id limit 1
  ) p on true
),
bound as materialized (
  select i.n, b.ordinal, b.target_type, b.target_id, b.config_path, b.secret_id, s.key, s.provider,
    v.id as version_id, coalesce(b.version, s.latest_version) as version, v.sealed, v.external_ref,
    v.provider_version_ref, v.provider_config_id, s.managed_mode,
    case when v.provider_config_id is not null then (
      select c.config from company_secret_provider_configs c where c.id = v.provider_config_id
    ) end as vault_config,
    (s.last_resolved_at is null or s.last_resolved_at < now() - interval '60 seconds') as stale,
    case
      when i.shredded then 'company_shredded'
      when s.status = 'deleted' then 'secret_deleted'
      when s.status <> 'active' then 'secret_inactive'
      when v.id is null then 'version_missing'
      when v.status not in ('current', 'previous') then 'version_inactive'
      when b.version is null and v.status <> 'current' then 'version_inactive'
    end as code
  from item i
  cross join lateral (
    select u.*, row_number() over () - 1 as ordinal
    from (
      select a.target_type, a.target_id, a.config_path, a.secret_id, a.version
      from company_secret_bindings a
      where a.company_id = i.company_id and a.target_type = i.target_type and a.target_id = i.target_id
        and (i.p_names is null or not substr(a.config_path, 5) = any (i.p_names))
      union all
      select p.target_type, p.target_id, p.config_path, p.secret_id, p.version
      from company_secret_bindings p
      where p.company_id = i.company_id and p.target_type = 'project' and p.target_id = i.project_id
    ) u
  ) b
  cross join lateral (
    select y.id, y.key, y.provider, y.managed_mode, y.status, y.latest_version, y.last_resolved_at
    from company_secrets y where y.id = b.secret_id and y.company_id = i.company_id limit 1
  ) s
  left join lateral (
    select x.id, x.status, x.sealed, x.external_ref, x.provider_version_ref, x.provider_config_id
    from company_secret_versions x
    where x.secret_id = s.id and x.version = coalesce(b.version, s.latest_version) and x.company_id = i.company_id
    limit 1
  ) v on true
),
recorded as (
  insert into secret_access_events (
    company_id, resolve_id, ordinal, secret_id, secret_key, version, provider, actor_type, actor_id, opened_by,
    target_type, target_id, config_path, run_id, outcome, code, request_id
  )
  select i.company_id, i.resolve_id, coalesce(b.ordinal, 0), b.secret_id, b.key, b.version, b.provider,
    i.actor_type, i.actor_id, i.opened_by, coalesce(b.target_type, i.target_type), coalesce(b.target_id, i.target_id),
    b.config_path, i.run_id,
    case
      when b.code is not null or (b.n is null and i.shredded) then 'failure'
      when i.n in (select f.n from bound f where f.code is not null) then 'denied'
      else 'success'
    end,
    case
      when b.code is not null then b.code
      when b.n is null and i.shredded then 'company_shredded'
      when b.n is null then 'no_bindings'
      when i.n in (select f.n from bound f where f.code is not null) then 'withheld'
    end,
    i.request_id
  from item i left join bound b on b.n = i.n
)
select b.n, b.ordinal::int, b.target_type, b.secret_id as place_id, b.version_id, b.config_path, b.key, b.version,
  b.provider, b.external_ref, b.provider_version_ref, b.provider_config_id, b.managed_mode, b.vault_config, b.code, b.sealed, null as plain, b.stale
from bound b
union all
select i.n, -1, i.target_type, i.target_id, i.t_revision, null, null, null, null, null, null, null, null, null,
  case when i.shredded then 'company_shredded' end, i.t_sealed, i.t_plain, false
from item i where i.shredded or i.t_sealed is not null or i.t_plain <> '{}'
union all
select i.n, -1, 'project', i.project_id, i.p_revision, null, null, null, null, null, null, null, null, null,
  case when i.shredded then 'company_shredded' end, i.p_sealed, i.p_plain, false
from item i where i.p_sealed is not null or i.p_plain <> '{}'`
