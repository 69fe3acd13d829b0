import { type Db, uuidArray } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'

/**
 * Notes that keys were used now; at most once a minute a key, so that a busy one costs one write. Rows that somebody
 * else is changing are left out: the next use notes them.
 */
export async function touchKeys(
  db: Db<GatewayDatabase>,
  table: 'agent_api_keys' | 'board_api_keys',
  keyIds: readonly string[]
): Promise<void> {
  await sql`
    with due as (
      select id from ${sql.table(table)}
      where id = any(${uuidArray(keyIds)}::uuid[])
        and (last_used_at is null or last_used_at < now() - interval '60 seconds')
      order by id for update skip locked
    )
    update ${sql.table(table)} k set last_used_at = now() from due where k.id = due.id`.execute(db)
}
