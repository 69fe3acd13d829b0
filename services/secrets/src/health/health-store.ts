import type { Db } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../database.js'

/** Resolves when the database answers. */
export async function pingDatabase(db: Db<SecretsDatabase>): Promise<void> {
  await sql`select 1`.execute(db)
}
