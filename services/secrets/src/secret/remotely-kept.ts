import { setTimeout as pause } from 'node:timers/promises'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Insertable } from 'kysely'
import { activityAuthorOf } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import { fingerprintValue } from '../crypto/fingerprint.js'
import type { SecretsDatabase, SecretTable } from '../database.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import { refuseShredded } from '../keyring/shredded.js'
import type { ValuePlace } from '../provider/provider.js'
import type { RemoteStorage } from '../provider/remote-storage.js'
import type { AnnouncedWrite, RemoteWriteService } from '../remote-write/remote-write-service.js'
import {
  findPendingOf,
  findRemotePlace,
  insertPendingVersion,
  listRemotePlaces
} from '../remote-write/remote-write-store.js'
import { type ChosenVault, holdChosenVault } from '../vault/chosen-vault.js'
import { authorOf, changing } from './secret-change.js'
import { type CountedSecretRow, insertSecret, lockSecret, type SecretRow } from './secret-store.js'

interface RemoteSecretDeps {
  db: Db<SecretsDatabase>
  companyKeys: CompanyKeyring
  remoteWrites: RemoteWriteService
}

interface RemoteValue {
  readonly place: ValuePlace
  readonly storage: RemoteStorage
  readonly vault: ChosenVault | null
  readonly value: Buffer
}

/** Makes a secret whose value lies at a provider; it is shown once the value is known to be there. */
export async function createRemotely(
  deps: RemoteSecretDeps,
  caller: Caller,
  { row, ...remote }: RemoteValue & { row: Omit<Insertable<SecretTable>, 'latest_version'> }
): Promise<CountedSecretRow> {
  const { place, storage, vault, value } = remote
  const externalRef = storage.nameOf({ companyId: place.companyId, key: row.key, vault })
  const version = await pendingVersion(deps, caller, remote)
  await changing(deps.db, caller, async (tx) => {
    await refuseShredded(tx, place.companyId)
    await holdChosenVault(tx, vault)
    await insertSecret(tx, {
      ...row,
      latest_version: 0,
      external_ref: null,
      provider_config_id: vault?.id ?? null
    })
    await insertPendingVersion(tx, { ...version, externalRef })
  })
  const write = { ...writeOf(caller, remote, row), externalRef }
  return finish(deps, caller, storage, { write, makes: true, value })
}

/** What may have changed since a rotation was planned. */
export type JudgeRotation = (secret: SecretRow) => void

/** Adds a version to a secret whose values lie at a provider, after the one that is being written, if any. */
export async function rotateRemotely(
  deps: RemoteSecretDeps,
  caller: Caller,
  { judge, ...remote }: RemoteValue & { judge: JudgeRotation }
): Promise<CountedSecretRow> {
  const { place, storage, vault, value } = remote
  const version = await pendingVersion(deps, caller, remote)
  const announced = await afterPending(deps, place, () =>
    changing(deps.db, caller, async (tx) => {
      await holdChosenVault(tx, vault)
      const secret = await lockSecret(tx, { companyId: place.companyId, id: place.secretId })
      if (secret === undefined) throw new AppError('secret_not_found')
      judge(secret)
      const { key } = secret
      const present = await findPresent(tx, { ...remote, key })
      const externalRef = present ?? storage.nameOf({ companyId: place.companyId, key, vault })
      if ((await findPendingOf(tx, place)) !== undefined) throw new StillWriting()
      await insertPendingVersion(tx, { ...version, externalRef })
      return { write: { ...writeOf(caller, remote, secret), externalRef }, makes: present === null }
    })
  )
  return finish(deps, caller, storage, { ...announced, value })
}

/** The remote secret that gets the new version: that of the vault, or one that another vault of the same place has made. */
async function findPresent(
  tx: Tx<SecretsDatabase>,
  { place, storage, vault, key }: RemoteValue & { key: string }
): Promise<string | null> {
  const own = await findRemotePlace(tx, { ...place, vaultId: vault?.id ?? null })
  if (own !== null) return own
  const wanted = { companyId: place.companyId, key, vault }
  const known = await listRemotePlaces(tx, place)
  return known.find((remote) => storage.isShared(remote, wanted))?.externalRef ?? null
}

/** How long a second writer waits for the first. */
const waitMsMax = 2_000
const askAgainMs = 100

/** Takes a transaction back, its nonce included, so that it can be begun again. */
class StillWriting extends Error {}

/** Announces once no other write of the secret is under way; one that was given up is reconciled first. */
async function afterPending<T>(
  { db, remoteWrites }: RemoteSecretDeps,
  place: ValuePlace,
  announce: () => Promise<T>
): Promise<T> {
  const endsAtMs = performance.now() + waitMsMax
  for (;;) {
    const pending = await findPendingOf(db, place)
    if (pending?.isOverdue) await remoteWrites.reconcile(pending.versionId)
    else if (pending === undefined) {
      const announced = await announce().catch((error: unknown) => {
        if (error instanceof StillWriting) return null
        throw error
      })
      if (announced !== null) return announced
    }
    if (performance.now() > endsAtMs) throw new AppError('write_in_progress', { retryAfterSeconds: 30 })
    await pause(askAgainMs)
  }
}

async function pendingVersion({ companyKeys }: RemoteSecretDeps, caller: Caller, remote: RemoteValue) {
  const { place, vault, value } = remote
  const companyKey = await companyKeys.forSealing(place.companyId)
  return {
    place,
    providerConfigId: vault?.id ?? null,
    fingerprint: fingerprintValue(value, { companyKey }),
    author: authorOf(caller)
  }
}

function writeOf(
  { actor }: Caller,
  { place, vault }: RemoteValue,
  { key, provider }: Pick<SecretRow, 'key' | 'provider'>
) {
  return { ...place, key, provider, vault, author: { userId: actor.userId, agentId: actor.agentId } }
}

async function finish(
  { remoteWrites }: RemoteSecretDeps,
  caller: Caller,
  storage: RemoteStorage,
  announced: Omit<AnnouncedWrite, 'actor'>
): Promise<CountedSecretRow> {
  const { secret } = await remoteWrites.write({ ...announced, actor: activityAuthorOf(caller) }, storage)
  return secret
}
