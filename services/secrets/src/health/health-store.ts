import type { Db } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../database.js'

/**
 * Says whether this service's role could change or remove audit rows, were it not for the triggers: by a privilege,
 * or as an owner, who may also take the triggers away.
 */
export async function mayChangeAudit(db: Db<SecretsDatabase>): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`
    select bool_or(has_table_privilege(oid, 'update, delete, truncate') or pg_has_role(relowner, 'usage')) as may
    from pg_class
    where oid in ('secret_access_events'::regclass, 'activity_log'::regclass)`.execute(db)
  return rows[0]?.may !== false
}

/** Resolves when the database answers. */
export async function pingDatabase(db: Db<SecretsDatabase>): Promise<void> {
  await sql`select 1`.execute(db)
}
