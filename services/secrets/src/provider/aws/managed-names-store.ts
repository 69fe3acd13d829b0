import type { Db } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../../database.js'

/** What a vault that says nothing takes from the deployment. */
interface DeploymentNames {
  readonly prefix: string
  readonly deploymentId: string | null
}

/**
 * Says of each name whether it lies where a vault of any company, whatever its state, keeps managed values. Names are
 * in lower case and without leading slashes. Compared as text: a prefix is no pattern.
 */
export async function findManagedNames(
  db: Db<SecretsDatabase>,
  names: readonly string[],
  { prefix, deploymentId }: DeploymentNames
): Promise<boolean[]> {
  if (names.length === 0) return []
  const { rows } = await sql<{ managed: boolean }>`
    with roots as (
      select distinct lower(
        coalesce(config ->> 'secretNamePrefix', ${prefix}::text) || '/' ||
        coalesce(config ->> 'namespace', ${deploymentId}::text) || '/'
      ) as root
      from company_secret_provider_configs
      where provider = 'aws_secrets_manager'
    )
    select exists (select from roots where starts_with(asked.name, root)) as managed
    from unnest(${sql.val([...names])}::text[]) with ordinality as asked (name, ord)
    order by asked.ord`.execute(db)
  return rows.map(({ managed }) => managed)
}
