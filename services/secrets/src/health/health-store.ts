import type { Db } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../database.js'

/** Says whether this service's role could change or remove audit rows, were it not for the triggers. */
export async function mayChangeAudit(db: Db<SecretsDatabase>): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`
    select bool_or(has_table_privilege(name, 'update, delete, truncate')) as may
    from unnest(array['secret_access_events', 'activity_log']) as name`.execute(db)
  return rows[0]?.may !== false
}

/** Resolves when the database answers. */
export async function pingDatabase(db: Db<SecretsDatabase>): Promise<void> {
  await sql`select 1`.execute(db)
}
