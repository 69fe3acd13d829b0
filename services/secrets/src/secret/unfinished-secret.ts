import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import type { RemoteWriteService } from '../remote-write/remote-write-service.js'
import { findUnfinishedSecret } from '../remote-write/remote-write-store.js'

interface UnfinishedDeps {
  db: Db<SecretsDatabase>
  remoteWrites: RemoteWriteService
}

/**
 * Runs what takes a name and a key. When a secret has them whose first value is still being written, and which is
 * therefore shown nowhere, the answer says so; one that was given up is reconciled, and then it is tried once more.
 */
export async function takingName<T>(
  { db, remoteWrites }: UnfinishedDeps,
  whatIsTaken: () => { companyId: string; name: string; key: string } | null,
  work: () => Promise<T>
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AppError) || !['name_taken', 'key_taken'].includes(error.code)) throw error
    const taken = whatIsTaken()
    const unfinished = taken === null ? undefined : await findUnfinishedSecret(db, taken)
    if (unfinished === undefined) throw error
    const { versionId, isOverdue } = unfinished
    if (versionId === null || !isOverdue)
      throw new AppError('write_in_progress', {
        detail: 'A secret with this name or key is just being written. Look again in two minutes.',
        retryAfterSeconds: 60
      })
    await remoteWrites.reconcile(versionId)
    return work()
  }
}
