import { newId } from '@paperclip/contracts'
import type { Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../database.js'
import type { RemoteDeletion } from './remote-deletion-store.js'

/**
 * Notes, before a remote secret is taken back from its deletion, that it goes again should its new value not arrive.
 * Not attempted until {@link releaseHeldDeletion}; {@link cancelHeldDeletion} ends it.
 */
export async function holdRemoteDeletion(
  tx: Tx<SecretsDatabase>,
  deletion: RemoteDeletion & { readonly deletionDate: Date | null }
): Promise<void> {
  await sql`
    insert into remote_deletions (
      id, company_id, secret_id, provider, external_ref, remote_name, deletion_date, next_attempt_at
    )
    values (${newId()}, ${deletion.companyId}, ${deletion.secretId}, ${deletion.provider}, ${deletion.externalRef},
      ${deletion.remoteName}, ${deletion.deletionDate}, 'infinity')`.execute(tx)
}

/** The value has arrived, or nothing was restored: what was held back never happens. */
export async function cancelHeldDeletion(tx: Tx<SecretsDatabase>, externalRef: string): Promise<void> {
  await sql`
    update remote_deletions set done_at = now(), last_code = 'cancelled'
    where external_ref = ${externalRef} and done_at is null and next_attempt_at = 'infinity'`.execute(tx)
}

/** The value has not arrived: what was held back for a secret is due. */
export async function releaseHeldDeletion(
  tx: Tx<SecretsDatabase>,
  { companyId, secretId }: { companyId: string; secretId: string }
): Promise<void> {
  await sql`
    update remote_deletions set next_attempt_at = now()
    where company_id = ${companyId} and secret_id = ${secretId} and done_at is null
      and next_attempt_at = 'infinity'`.execute(tx)
}
