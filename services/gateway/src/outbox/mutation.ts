import { type Db, type Tx, transaction } from '@paperclip/db'
import type { GatewayDatabase } from '../database.js'

/** Runs a change and what it tells the secrets service in one transaction, then gets that delivered. */
export type Mutate = <T>(work: (tx: Tx<GatewayDatabase>) => Promise<T>) => Promise<T>

/** A lost race is run again; more often than this, something else is wrong. */
const attemptsMax = 4

/** Makes {@link Mutate}. `work` adds its own rows with `insertOutbox`. */
export function createMutate(db: Db<GatewayDatabase>, { kick }: { kick: () => void }): Mutate {
  return async (work) => {
    const result = await transaction(db, work, { attemptsMax })
    kick()
    return result
  }
}
