import type { Query } from './fixtures.js'
import { type Answer, operator, type SecretsApp } from './secrets-app.js'

/** The route of the inline migration of a company. */
export const migrationPathOf = (companyId: string) => `/companies/${companyId}/env/migrate-inline`

/** One request of a migration, as the operator. */
export function migrate(target: SecretsApp, companyId: string, body: object): Promise<Answer> {
  return target.send(operator(), 'POST', migrationPathOf(companyId), body)
}

const tables = ['environments', 'company_secrets', 'company_secret_bindings', 'company_keys', 'activity_log']

/** Whole migrations of companies at one process, and what the database holds of them. */
export function migrationsOf(app: SecretsApp, sql: Query) {
  return {
    /** Follows the parts to the end, and gives all that was said. */
    async migrateAll(companyId: string, apply: boolean): Promise<Answer['body'][]> {
      const parts: Answer['body'][] = []
      let cursor: string | undefined
      do {
        const { status, text, body } = await migrate(app, companyId, { apply, ...(cursor ? { cursor } : {}) })
        if (status !== 200) throw new Error(`${status}: ${text}`)
        parts.push(body)
        cursor = body.nextCursor ?? undefined
      } while (cursor !== undefined)
      return parts
    },

    /** Everything of a company that a migration may change. */
    async stateOf(companyId: string): Promise<string> {
      const rows: object[] = []
      for (const table of tables)
        rows.push(await sql(`select * from ${table} where company_id = $1 order by 1, 2, 3`, [companyId]))
      return JSON.stringify(rows)
    },

    secretsOf: (companyId: string) =>
      sql<{ id: string; key: string; name: string }>(
        'select id, key, name from company_secrets where company_id = $1 order by id',
        [companyId]
      ),

    /** Environments that hold something sealed. */
    stillSealed: (companyId: string) =>
      sql('select target_id from environments where company_id = $1 and sealed is not null', [companyId])
  }
}
