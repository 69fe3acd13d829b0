import type { Db } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../database.js'

/** A secret bound to a run, without its value. */
export interface RunSecretRow {
  readonly key: string
  readonly name: string
  readonly description: string | null
  readonly config_path: string
  readonly latest_version: number
  readonly pin: number | null
  readonly resolved_version: number | null
}

/** What is bound to an agent and its project; a project's variable hides an agent's of the same name. */
export async function listRunSecrets(
  db: Db<SecretsDatabase>,
  { companyId, agentId, projectId }: { companyId: string; agentId: string; projectId: string | null }
): Promise<RunSecretRow[]> {
  const { rows } = await sql<RunSecretRow>`
    select s.key, s.name, s.description, b.config_path, s.latest_version, b.version as pin, v.version as resolved_version
    from company_secret_bindings b
    join company_secrets s on s.id = b.secret_id and s.company_id = b.company_id and s.deleted_at is null
    left join company_secret_versions v
      on v.secret_id = s.id and v.version = coalesce(b.version, s.latest_version) and v.status in ('current', 'previous')
    where b.company_id = ${companyId}
      and ((b.target_type = 'project' and b.target_id = ${projectId}::uuid)
        or (b.target_type = 'agent' and b.target_id = ${agentId}::uuid and not exists (
          select from environments e
          where e.company_id = b.company_id and e.target_type = 'project' and e.target_id = ${projectId}::uuid
            and substr(b.config_path, 5) = any (e.names)
        )))
    order by b.config_path`.execute(db)
  return rows
}
