import type { Db } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { MasterKeyHolderTable, SecretsDatabase } from '../database.js'
import type { HeldKey } from './master-keyring.js'

/** How long a process counts as alive after it was last heard: six missed beats. */
export const leaseSeconds = 30
/** Rows of processes that died are kept this long, for whoever asks what was there. */
const keptMinutes = 60

/** One process of this service among its siblings. */
export interface ProcessIdentity {
  readonly id: string
  readonly host: string
  readonly pid: number
}

/** A process that lives, or died within the last {@link leaseSeconds}. */
export type HolderRow = Selectable<MasterKeyHolderTable>

/** Says that a process lives and which master keys it holds. */
export async function upsertHolder(
  db: Db<SecretsDatabase>,
  { id, host, pid, keys }: ProcessIdentity & { keys: readonly HeldKey[] }
): Promise<void> {
  await sql`
    insert into master_key_holders (process_id, host, pid, keys, lease_until)
    values (${id}, ${host}, ${pid}, ${JSON.stringify(keys)}, now() + make_interval(secs => ${leaseSeconds}))
    on conflict (process_id) do update set lease_until = excluded.lease_until`.execute(db)
}

/** Says that a process has ended. */
export async function deleteHolder(db: Db<SecretsDatabase>, processId: string): Promise<void> {
  await db.deleteFrom('master_key_holders').where('process_id', '=', processId).execute()
}

/** Forgets processes that died long ago. */
export async function purgeHolders(db: Db<SecretsDatabase>): Promise<void> {
  await sql`
    delete from master_key_holders where lease_until < now() - make_interval(mins => ${keptMinutes})`.execute(
    db
  )
}

/** Every process that counts as alive, the oldest first. */
export function listLiveHolders(db: Db<SecretsDatabase>): Promise<HolderRow[]> {
  return db
    .selectFrom('master_key_holders')
    .selectAll()
    .where('lease_until', '>', sql<Date>`now()`)
    .orderBy('started_at')
    .orderBy('process_id')
    .execute()
}
