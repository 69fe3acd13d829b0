import type pg from 'pg'
import { codeOf, sqlState, withClient } from './database-client.js'

/** What the database says about the master key. */
export interface MasterKeyNeed {
  /** Ids of the keys that wrap company keys: without any of them stored values cannot be opened. */
  readonly keyIds: readonly string[]
  /** Ids of further keys that a service which lives has in memory, and may wrap with at any moment. */
  readonly liveKeyIds: readonly string[]
  /** False: nothing of this product was ever stored here. */
  readonly isMigrated: boolean
}

/** Of a database that was never made, or holds nothing of ours. */
export const nothingStored: MasterKeyNeed = { keyIds: [], liveKeyIds: [], isMigrated: false }

const wrappingSql = `
  select id from secrets.master_keys
  where id in (select master_key_id from secrets.company_keys where wrapped is not null) order by id`

/** The key that wraps, where a process that holds it counts as alive; see the secrets service's master key holders. */
const liveSql = `
  select id from secrets.master_keys k
  where activated_at is not null and retired_at is null and exists (
    select from secrets.master_key_holders h
    where h.lease_until > now() and h.keys @> jsonb_build_array(jsonb_build_object('id', k.id))
  ) order by id`

const activeSql =
  'select id from secrets.master_keys where activated_at is not null and retired_at is null order by id'

/**
 * Asks whether a database holds anything that an existing master key is needed for.
 *
 * `url` must be of a role that may read the schema. A database without the table needs none. Every other
 * failure is thrown: who cannot tell must not create a key.
 */
export async function findMasterKeyNeed(url: string): Promise<MasterKeyNeed> {
  return await withClient(url, async (client) => {
    const keyIds = await idsOf(client, wrappingSql)
    if (keyIds === null) return nothingStored
    // The schema of an earlier version does not tell who lives: then somebody may.
    const liveKeyIds = (await idsOf(client, liveSql)) ?? (await idsOf(client, activeSql)) ?? []
    return { keyIds, liveKeyIds: liveKeyIds.filter((id) => !keyIds.includes(id)), isMigrated: true }
  })
}

/** Null when a table is not there. */
async function idsOf(client: pg.Client, sql: string): Promise<string[] | null> {
  try {
    const { rows } = await client.query<{ id: string }>(sql)
    return rows.map(({ id }) => id)
  } catch (error) {
    const code = codeOf(error)
    if (code === sqlState.undefinedTable || code === sqlState.undefinedSchema) return null
    throw error
  }
}
