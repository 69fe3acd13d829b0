import type { Tx } from '@paperclip/db'
import type { SecretsDatabase } from '../database.js'
import { cancelHeldDeletion, releaseHeldDeletion } from '../remote-deletion/held-deletion-store.js'
import { enqueueRemoteDeletion } from '../remote-deletion/remote-deletion-store.js'
import {
  type CountedSecretRow,
  countReferences,
  lockSecretAsItIs,
  markSecretDeleted,
  updateLatestVersion
} from '../secret/secret-store.js'
import { retireCurrentVersion } from '../version/version-store.js'
import type { RemoteOutcome } from './remote-call.js'
import {
  confirmVersion,
  failVersion,
  hasVersionIn,
  lockWrite,
  type PendingWrite
} from './remote-write-store.js'

/** A write that is on record: the secret with its new version. */
export interface Finished {
  readonly secret: CountedSecretRow
  readonly version: number
}

type Record = (tx: Tx<SecretsDatabase>, finished: Finished) => Promise<void>

/**
 * Numbers a version that the provider has and makes it current. When the reconciler was first, its outcome stands.
 * Otherwise the value belongs to nobody any more, and why is said: a remote secret that was made for it is deleted
 * again. One that the secret had before is not: what becomes of it was decided when the secret was deleted.
 */
export async function finishWrite(
  tx: Tx<SecretsDatabase>,
  write: PendingWrite,
  outcome: RemoteOutcome,
  record: Record
): Promise<Finished | 'secret_deleted' | 'given_up'> {
  const { companyId, secretId: id } = write
  const secret = await lockSecretAsItIs(tx, { companyId, id })
  const { status, version: settled } = await lockWrite(tx, write)
  if (settled !== null) return { secret: await countReferences(tx, secret), version: settled }
  const { externalRef, remoteName, tagged } = outcome
  if (secret.deleted_at !== null || status !== 'pending') {
    await failVersion(tx, write)
    await releaseHeldDeletion(tx, { companyId, secretId: id })
    const isAbandoned = secret.deleted_at !== null && !(await hasVersionIn(tx, write, externalRef))
    if (isAbandoned || tagged !== null) await enqueueRemoteDeletion(tx, { ...write, externalRef, remoteName })
    return secret.deleted_at !== null && secret.latest_version > 0 ? 'secret_deleted' : 'given_up'
  }
  const version = secret.latest_version + 1
  await retireCurrentVersion(tx, write)
  await confirmVersion(tx, write, { version, externalRef, tagged })
  await cancelHeldDeletion(tx, externalRef)
  const place = { externalRef, providerConfigId: write.vault?.id ?? null }
  const updated = await updateLatestVersion(tx, { companyId, id }, { version, place })
  const finished = { secret: updated, version }
  await record(tx, finished)
  return finished
}

/** Gives up a write that the provider has not: its version never was, and neither was a secret that has no other. */
export async function giveUpWrite(tx: Tx<SecretsDatabase>, write: PendingWrite): Promise<void> {
  const { companyId, secretId: id } = write
  const secret = await lockSecretAsItIs(tx, { companyId, id })
  const { status } = await lockWrite(tx, write)
  if (status !== 'pending') return
  await failVersion(tx, write)
  await releaseHeldDeletion(tx, { companyId, secretId: id })
  if (secret.latest_version === 0 && secret.deleted_at === null)
    await markSecretDeleted(tx, { companyId, id })
}
