import type { Db } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'

/** Resolves when the database answers. */
export async function pingDatabase(db: Db<GatewayDatabase>): Promise<void> {
  await sql`select 1`.execute(db)
}

/** Reads the key that authenticates page cursors, which every gateway of this database shares. */
export async function readCursorKey(db: Db<GatewayDatabase>): Promise<Buffer> {
  const row = await db.selectFrom('instance_settings').select('cursor_key').executeTakeFirstOrThrow()
  return row.cursor_key
}
