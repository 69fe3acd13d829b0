import type { OpenedBy } from '@paperclip/contracts'
import { uuidArray } from '@paperclip/db'
import type { Pool } from 'pg'
import { queryNamed } from './agent-key-lookup-store.js'

/** The ids a run token claims. */
export interface RunClaim {
  runId: string
  agentId: string
  companyId: string
}

/** A run as it stands at the moment of asking, by the database's clock. */
export interface RunState {
  status: 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired'
  /** Its end or its lease has passed. */
  overdue: boolean
  agentStatus: 'active' | 'paused' | 'terminated'
  companyStatus: 'active' | 'archived'
  projectId: string | null
  /** False when the project is gone. */
  projectPresent: boolean
  actorType: OpenedBy['actorType']
  actorId: string
  credentialKind: OpenedBy['credentialKind']
  credentialId: string | null
}

const lookUp = {
  name: 'look_up_runs',
  text: `
    select q.n::int as n, r.status,
      (r.expires_at <= now() or coalesce(r.lease_expires_at <= now(), false)) as overdue,
      a.status as "agentStatus", c.status as "companyStatus",
      r.project_id as "projectId",
      (r.project_id is null or p.id is not null) as "projectPresent",
      r.opened_by_actor_type as "actorType", r.opened_by_actor_id as "actorId",
      r.opened_by_credential_kind as "credentialKind", r.opened_by_credential_id as "credentialId"
    from unnest($1::uuid[], $2::uuid[], $3::uuid[]) with ordinality as q(run_id, agent_id, company_id, n)
    join runs r on r.id = q.run_id and r.agent_id = q.agent_id and r.company_id = q.company_id
    join agents a on a.id = r.agent_id and a.company_id = r.company_id
    join companies c on c.id = r.company_id
    left join projects p on p.id = r.project_id and p.company_id = r.company_id`
}

/** Reads the state of claimed runs in one statement; undefined where run, agent and company do not belong together. */
export async function findRunStates(
  pool: Pool,
  claims: readonly RunClaim[]
): Promise<(RunState | undefined)[]> {
  const rows = await queryNamed<RunState & { n: number }>(pool, lookUp, [
    uuidArray(claims.map((claim) => claim.runId)),
    uuidArray(claims.map((claim) => claim.agentId)),
    uuidArray(claims.map((claim) => claim.companyId))
  ])
  const found = new Array<RunState | undefined>(claims.length)
  for (const row of rows) found[row.n - 1] = row
  return found
}
