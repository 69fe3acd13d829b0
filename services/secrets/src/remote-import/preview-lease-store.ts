import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../database.js'

/** A preview that is being made: of one vault, for one search. */
export interface PreviewLease {
  readonly vaultId: string
  readonly search: Buffer
  /** When it ends by itself, to the microsecond: nobody else ever holds the same one. */
  readonly until: string
}

/**
 * Takes the lease of a search for `seconds` by the database's clock, also from a holder who let it run out. Undefined
 * while somebody holds it. Served by the primary key.
 */
export async function takePreviewLease(
  tx: Tx<SecretsDatabase>,
  { vaultId, search, seconds }: Pick<PreviewLease, 'vaultId' | 'search'> & { seconds: number }
): Promise<PreviewLease | undefined> {
  const { rows } = await sql<{ until: string }>`
    insert into remote_previews (provider_config_id, search, lease_until)
    values (${vaultId}, ${search}, clock_timestamp() + make_interval(secs => ${seconds}))
    on conflict (provider_config_id, search) do update set lease_until = excluded.lease_until
    where remote_previews.lease_until <= clock_timestamp()
    returning lease_until::text as until`.execute(tx)
  const [taken] = rows
  return taken === undefined ? undefined : { vaultId, search, until: taken.until }
}

/** Gives a lease back; one that has ended and is somebody else's by now stays. */
export async function releasePreviewLease(
  db: Db<SecretsDatabase>,
  { vaultId, search, until }: PreviewLease
): Promise<void> {
  await sql`
    delete from remote_previews
    where provider_config_id = ${vaultId} and search = ${search} and lease_until = ${until}::timestamptz`.execute(
    db
  )
}

/** Forgets leases whose holders died. */
export async function purgePreviewLeases(db: Db<SecretsDatabase>): Promise<void> {
  await sql`delete from remote_previews where lease_until < now()`.execute(db)
}
