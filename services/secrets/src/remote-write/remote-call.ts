import { type Db, transaction } from '@paperclip/db'
import type { AppError } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { ProviderError, type RemoteStorage } from '../provider/remote-storage.js'
import { cancelHeldDeletion, holdRemoteDeletion } from '../remote-deletion/held-deletion-store.js'
import { findReservation, type RemoteReservation } from '../remote-deletion/remote-deletion-store.js'
import { type PendingWrite, updateWritePlace } from './remote-write-store.js'

interface CallParts {
  db: Db<SecretsDatabase>
  storage: RemoteStorage
  /** What is left of the time for all calls, in milliseconds. */
  leftMs: () => number
}

interface Call {
  readonly write: PendingWrite
  readonly makes: boolean
  readonly value: Buffer
}

/** Where a value lies now. */
export interface RemoteOutcome {
  readonly externalRef: string
  readonly remoteName: string
  /** Of a secret that was made: whether it has its tags; null when none was made. */
  readonly tagged: boolean | null
}

/** Calls the provider: makes the remote secret, adds a version to it, or takes it back from its deletion first. */
export async function writeRemotely(parts: CallParts, { write, makes, value }: Call): Promise<RemoteOutcome> {
  const { db, storage, leftMs } = parts
  if (!makes) {
    await storage.put({ ...write, value, deadlineMs: leftMs() })
    return { externalRef: write.externalRef, remoteName: storage.nameIn(write.externalRef), tagged: null }
  }
  const name = write.externalRef
  try {
    const { externalRef, tagged } = await storage.create({ ...write, name, value, deadlineMs: leftMs() })
    return { externalRef, remoteName: name, tagged }
  } catch (error) {
    if (!(error instanceof ProviderError) || !mayBeReserved.has(error.code)) throw error
    const { companyId, vault } = write
    const isThere = (externalRef: string) => storage.isIn(externalRef, vault)
    const former = await findReservation(db, { companyId, remoteName: name, isThere })
    if (error.code === 'provider_rejected' && former?.isDone !== false) throw error
    return writeToRestored(parts, { write, value, former, error })
  }
}

/** A name is also taken, and a create just rejected, while our own deletion of it has not reached the provider. */
const mayBeReserved = new Set<string>(['provider_name_reserved', 'provider_rejected'])

/**
 * A remote secret that we had deleted ourselves is taken back and gets the value as a new version. That it goes again
 * should the write fail is on record before it is restored.
 */
async function writeToRestored(
  { db, storage, leftMs }: CallParts,
  {
    write,
    value,
    former,
    error
  }: Pick<Call, 'write' | 'value'> & {
    former: RemoteReservation | undefined
    error: ProviderError
  }
): Promise<RemoteOutcome> {
  const name = write.externalRef
  // One that is not done yet may be deleted any moment, by whoever is at it.
  if (former?.isDone !== true)
    throw await reserved({ storage, leftMs }, { write, date: former?.deletionDate, error })
  const { externalRef, deletionDate } = former
  await transaction(
    db,
    async (tx) => {
      await holdRemoteDeletion(tx, { ...write, externalRef, remoteName: name, deletionDate })
      await updateWritePlace(tx, write, externalRef)
    },
    { attemptsMax: 3 }
  )
  try {
    await storage.restore({ externalRef, deadlineMs: leftMs() })
  } catch (refusal) {
    if (!(refusal instanceof ProviderError) || refusal.mayHaveActed) throw refusal
    await transaction(db, (tx) => cancelHeldDeletion(tx, externalRef), { attemptsMax: 3 })
    throw await reserved({ storage, leftMs }, { write, date: deletionDate, error })
  }
  await storage.put({ ...write, externalRef, value, deadlineMs: leftMs() })
  return { externalRef, remoteName: name, tagged: null }
}

async function reserved(
  { storage, leftMs }: Pick<CallParts, 'storage' | 'leftMs'>,
  { write, date, error }: { write: PendingWrite; date: Date | null | undefined; error: ProviderError }
): Promise<AppError> {
  const { vault, externalRef: name } = write
  const until = date ?? (await storage.findDeletionDate({ name, vault, deadlineMs: leftMs() }))
  const when = until === null ? 'until it is gone' : `until ${until.toISOString().slice(0, 10)}`
  return new ProviderError('provider_name_reserved', {
    detail: `A deleted secret with this key is kept at the provider ${when}. Use another key, or restore it there and link it.`,
    cause: error,
    mayHaveActed: false
  })
}
