import type { Db, Tx } from '@paperclip/db'
import { AppError, type Logger } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import type { ProviderRegistry } from '../provider/provider.js'
import type { RemoteStorage } from '../provider/remote-storage.js'
import {
  type ClaimedDeletion,
  claimDue,
  claimFirstAttempt,
  findOverdue,
  insertRemoteDeletions,
  listRemoteSecrets,
  markDone,
  markFailed,
  type RemoteDeletion
} from './remote-deletion-store.js'

/** What one attempt at the provider may take, and all first attempts of one deletion together. */
const attemptMsMax = 8_000
/** With less than this left no attempt is begun: it would only be cut off. */
const attemptMsMin = 500
/** Longer than an attempt and its two statements take: whoever holds a row is done with it, or dead. */
const leaseSeconds = 30
/** For a commit to end and the first attempt to begin; later, whoever deleted has died. */
const graceSeconds = 15
const lanesMax = 4
/** What one turn of the worker attempts. */
const attemptsPerTurnMax = 100
const retrySecondsFirst = 30
const retrySecondsMax = 3_600
/** By then several attempts have failed. */
const overdueSeconds = 900

/** What became of the remote secrets of secrets that are being deleted. */
export interface QueuedDeletions {
  /** Rows of those that go. */
  readonly ids: readonly string[]
  /** Those that stay, since their vaults are disabled. */
  readonly leftAlone: number
}

/** Deletes remote secrets: noted in the transaction that deletes ours, attempted after it, until it is done. */
export interface RemoteDeletionService {
  /**
   * Notes every remote secret of some secrets, under their locks. `firstAttempt`: whether the caller makes it, by
   * {@link RemoteDeletionService.attempt} right after the commit, or the worker.
   */
  enqueueSecrets(
    tx: Tx<SecretsDatabase>,
    secrets: { companyId: string; secretIds: readonly string[]; firstAttempt: 'caller' | 'worker' }
  ): Promise<QueuedDeletions>
  /** Makes the first attempt at some rows, within 8 s. Never rejects: whatever failed is left to the worker. */
  attempt(ids: readonly string[]): Promise<'scheduled' | 'pending'>
  /**
   * Attempts what is due, at most 100 rows. Rejects when the database does not answer. `hasMore`: it is worth going
   * on at once.
   */
  runTurn(signal: AbortSignal): Promise<{ readonly hasMore: boolean }>
  /** Says what of a company, or, for null, of all, has been waiting too long, and what to do; undefined when nothing has. */
  findWarning(companyId: string | null): Promise<string | undefined>
}

interface RemoteDeletionDeps {
  readonly db: Db<SecretsDatabase>
  readonly providers: ProviderRegistry
  readonly logger: Logger
}

/** Makes the service over its database and providers. */
export function createRemoteDeletionService({
  db,
  providers,
  logger
}: RemoteDeletionDeps): RemoteDeletionService {
  const attemptOne = createAttempt({ db, providers, logger })

  return {
    async enqueueSecrets(tx, { companyId, secretIds, firstAttempt }) {
      const found = await listRemoteSecrets(tx, { companyId, secretIds })
      const remote = found.filter(({ isWritten, externalRef }) => isWritten || isFullName(externalRef))
      const going = remote.filter(({ isLeftAlone }) => !isLeftAlone)
      const ids = await insertRemoteDeletions(tx, companyId, {
        deletions: going.map((secret) => ({ ...secret, remoteName: nameIn(providers, secret) })),
        graceSeconds: firstAttempt === 'caller' ? graceSeconds : 0
      })
      return { ids, leftAlone: remote.length - going.length }
    },

    async attempt(ids) {
      const endMs = performance.now() + attemptMsMax
      let done = 0
      async function lane(): Promise<void> {
        for (let leftMs = attemptMsMax; leftMs >= attemptMsMin; leftMs = endMs - performance.now()) {
          const claimed = await claimFirstAttempt(db, { ids, leaseSeconds })
          if (claimed === undefined) return
          if (await attemptOne(claimed, leftMs)) done++
        }
      }
      try {
        await Promise.all(Array.from({ length: Math.min(lanesMax, ids.length) }, lane))
      } catch (error) {
        logger.warn({ code: codeOf(error) }, 'a first attempt at a remote deletion was not recorded')
      }
      return done === ids.length ? 'scheduled' : 'pending'
    },

    async runTurn(signal) {
      let [begun, done] = [0, 0]
      async function lane(): Promise<void> {
        while (begun < attemptsPerTurnMax && !signal.aborted) {
          begun++
          const claimed = await claimDue(db, { leaseSeconds })
          if (claimed === undefined) return
          if (await attemptOne(claimed, attemptMsMax)) done++
        }
      }
      await Promise.all(Array.from({ length: lanesMax }, lane))
      // A turn in which all failed has said enough about the provider for now.
      return { hasMore: begun >= attemptsPerTurnMax && done > 0 }
    },

    async findWarning(companyId) {
      const overdue = await findOverdue(db, { olderThanSeconds: overdueSeconds, companyId })
      if (overdue === undefined) return undefined
      const { count, oldestSeconds, code } = overdue
      const waiting = `${count} deleted ${count === 1 ? 'secret waits' : 'secrets wait'} to be deleted at the provider`
      const why = code === null ? '' : ` (${code})`
      return `${waiting} too, the oldest for ${Math.floor(oldestSeconds / 60)} minutes${why}. It is tried again until it is done; see the health of the provider, and whether its role may delete.`
    }
  }
}

/** How long to wait after attempt number `attempts`: doubling up to an hour, with jitter of half; `random` in 0..1. */
export function retryDelaySeconds(attempts: number, random: number): number {
  const ceiling = Math.min(retrySecondsMax, retrySecondsFirst * 2 ** (attempts - 1))
  return ceiling * (0.5 + random / 2)
}

/** Makes what attempts one claimed row; true when it is done. Neither its name nor its full name is ever logged. */
function createAttempt({ db, providers, logger }: RemoteDeletionDeps) {
  return async ({ id, secretId, provider, externalRef, attempts }: ClaimedDeletion, deadlineMs: number) => {
    const facts = { remoteDeletionId: id, secretId, attempts }
    try {
      const { deletionDate } = await storageOf(providers, provider).delete({ externalRef, deadlineMs })
      await markDone(db, id, deletionDate)
    } catch (error) {
      const code = codeOf(error)
      if (code !== 'provider_not_found') {
        const retryInSeconds = Math.round(retryDelaySeconds(attempts, Math.random()))
        logger.warn({ ...facts, code, retryInSeconds }, 'a remote secret could not be deleted yet')
        await markFailed(db, { id, attempts }, { code, retryInSeconds })
        return false
      }
      await markDone(db, id, null)
    }
    if (attempts > 1) logger.info(facts, 'a remote secret is deleted after all')
    return true
  }
}

function storageOf(providers: ProviderRegistry, provider: RemoteDeletion['provider']): RemoteStorage {
  const storage = providers.find(provider)?.storage
  if (storage?.kind !== 'remote') throw new AppError('provider_unsupported')
  return storage
}

/** Names are made of keys and have no colon; full names that providers give have. */
function isFullName(externalRef: string): boolean {
  return externalRef.includes(':')
}

/** What cannot be read as a full name of the provider's is noted all the same, and fails at the provider. */
function nameIn(
  providers: ProviderRegistry,
  { provider, externalRef }: Pick<RemoteDeletion, 'provider' | 'externalRef'>
): string {
  const storage = providers.find(provider)?.storage
  try {
    return storage?.kind === 'remote' ? storage.nameIn(externalRef) : externalRef
  } catch (error) {
    if (error instanceof AppError) return externalRef
    throw error
  }
}

function codeOf(error: unknown): string {
  return error instanceof AppError ? error.code : 'internal_error'
}
