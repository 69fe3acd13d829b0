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
 */
export const resolveStatementText = `
with item as materialized (
  select i.n, i.resolve_id, i.company_id, i.target_type, i.target_id, i.project_id, i.actor_type, i.actor_id,
    i.opened_by::jsonb as opened_by, i.run_id, i.request_id, k.shredded_at is not null as shredded
  from unnest(
    $1::int[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[],
    $7::text[], $8::text[], $9::text[], $10::uuid[], $11::text[]
  ) as i (n, resolve_id, company_id, target_type, target_id, project_id,
          actor_type, actor_id, opened_by, run_id, request_id)
  left join company_keys k on k.company_id = i.company_id
),
bound as materialized (
  select i.n, b.ordinal, b.target_type, b.target_id, b.config_path, b.secret_id, s.key, s.provider,
    v.id as version_id, coalesce(b.version, s.latest_version) as version, v.sealed, v.provider_version_ref,
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
        and (i.project_id is null or not exists (
          select from environments e
          where e.company_id = i.company_id and e.target_type = 'project' and e.target_id = i.project_id
            and substr(a.config_path, 5) = any (e.names)
        ))
      union all
      select p.target_type, p.target_id, p.config_path, p.secret_id, p.version
      from company_secret_bindings p
      where p.company_id = i.company_id and p.target_type = 'project' and p.target_id = i.project_id
    ) u
  ) b
  join company_secrets s on s.id = b.secret_id and s.company_id = i.company_id
  -- The limit keeps both columns in the index condition: a secret may have thousands of versions.
  left join lateral (
    select x.id, x.status, x.sealed, x.provider_version_ref
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
  select i.company_id, i.resolve_id, b.ordinal, b.secret_id, b.key, b.version, b.provider, i.actor_type, i.actor_id,
    i.opened_by, b.target_type, b.target_id, b.config_path, i.run_id,
    case when b.code is not null then 'failure' when b.n in (select f.n from bound f where f.code is not null) then 'denied' else 'success' end,
    case when b.code is not null then b.code
      when b.n in (select f.n from bound f where f.code is not null) then 'withheld' end,
    i.request_id
  from bound b join item i on i.n = b.n
  union all
  select i.company_id, i.resolve_id, 0, null, null, null, null, i.actor_type, i.actor_id,
    i.opened_by, i.target_type, i.target_id, null, i.run_id, 'success', 'no_bindings', i.request_id
  from item i where not exists (select from bound b where b.n = i.n)
)
select b.n, b.ordinal::int, b.target_type, b.secret_id as place_id, b.version_id, b.config_path, b.key, b.version,
  b.provider, b.provider_version_ref, b.code, b.sealed, null as plain, b.stale
from bound b
union all
select i.n, -1, e.target_type, e.target_id, e.revision_id, null, null, null, null, null,
  case when k.shredded_at is not null then 'company_shredded' end, e.sealed, e.plain, false
from item i
join environments e
  on e.company_id = i.company_id and e.target_type = i.target_type and e.target_id = i.target_id
left join company_keys k on k.company_id = i.company_id
where e.sealed is not null or e.plain <> '{}'
union all
select i.n, -1, e.target_type, e.target_id, e.revision_id, null, null, null, null, null,
  case when k.shredded_at is not null then 'company_shredded' end, e.sealed, e.plain, false
from item i
join environments e
  on e.company_id = i.company_id and e.target_type = 'project' and e.target_id = i.project_id
left join company_keys k on k.company_id = i.company_id
where e.sealed is not null or e.plain <> '{}'`
