import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { sql } from 'kysely'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'

/**
 * How long after its expiry a nonce is still kept. The expiry is by the signer's clock and the purge by the
 * database's: a database that is ahead by less than this never forgets a nonce that could still be used.
 */
const keptSeconds = 120

/**
 * Takes the nonce of a request that changes something, first in its transaction: the effect and the nonce
 * commit together, and a replay on any replica is `replayed`. Served by the primary key.
 */
export async function claimNonce(tx: Tx<SecretsDatabase>, caller: Caller): Promise<void> {
  const taken = await tx
    .insertInto('request_nonces')
    .values({
      key_id: caller.key.id,
      nonce: caller.nonce.nonce,
      expires_at: new Date(caller.nonce.expiresMs)
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('nonce')
    .executeTakeFirst()
  if (taken === undefined) throw new AppError('replayed')
}

/** Forgets nonces that no signature can be valid for any more. Served by `request_nonces_expiry`. */
export async function purgeNonces(db: Db<SecretsDatabase>): Promise<void> {
  await sql`delete from request_nonces where expires_at < now() - make_interval(secs => ${keptSeconds})`.execute(
    db
  )
}
