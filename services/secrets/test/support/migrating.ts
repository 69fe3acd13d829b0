import type { Query } from './fixtures.js'
import { type Answer, operator, type SecretsApp } from './secrets-app.js'

/** The route of the inline migration of a company. */
export const migrationPathOf = (companyId: string) => `/companies/${companyId}/env/migrate-inline`

/** One request of a migration, as the operator. */
export function migrate(target: SecretsApp, companyId: string, body: object): Promise<Answer> {
  return target.send(operator(), 'POST', migrationPathOf(companyId), body)
}

/** Follows the parts to the end, and gives all that was said. */
export async function migrateAll(
  target: SecretsApp,
  companyId: string,
  { apply }: { apply: boolean }
): Promise<Answer['body'][]> {
  const parts: Answer['body'][] = []
  let cursor: string | undefined
  do {
    const { status, text, body } = await migrate(target, companyId, { apply, ...(cursor ? { cursor } : {}) })
    if (status !== 200) throw new Error(`${status}: ${text}`)
    parts.push(body)
    cursor = body.nextCursor ?? undefined
  } while (cursor !== undefined)
  return parts
}

const tables = ['environments', 'company_secrets', 'company_secret_bindings', 'company_keys', 'activity_log']

/** Everything of a company that a migration may change. */
export async function migrationStateOf(sql: Query, companyId: string): Promise<string> {
  const rows: object[] = []
  for (const table of tables)
    rows.push(await sql(`select * from ${table} where company_id = $1 order by 1, 2, 3`, [companyId]))
  return JSON.stringify(rows)
}
