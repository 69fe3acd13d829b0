import { codeOf, sqlState, withClient } from './database-client.js'

/** What the database says about the master key. */
export interface MasterKeyNeed {
  /** Ids of the keys that wrap company keys; any of them missing means that values cannot be opened. */
  readonly keyIds: readonly string[]
}

/**
 * Asks whether a database holds anything that an existing master key is needed for.
 *
 * `url` must be of a role that may read the schema. A database without the table needs none. Every other
 * failure is thrown: who cannot tell must not create a key.
 */
export async function findMasterKeyNeed(url: string): Promise<MasterKeyNeed> {
  return await withClient(url, async (client) => {
    try {
      const { rows } = await client.query<{ id: string }>(
        'select id from secrets.master_keys where retired_at is null order by id'
      )
      return { keyIds: rows.map(({ id }) => id) }
    } catch (error) {
      const code = codeOf(error)
      if (code === sqlState.undefinedTable || code === sqlState.undefinedSchema) return { keyIds: [] }
      throw error
    }
  })
}
