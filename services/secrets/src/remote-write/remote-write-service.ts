import { type Db, type Tx, transaction } from '@paperclip/db'
import { AppError, type Logger } from '@paperclip/server'
import { type ActivityAuthor, insertActivityOf } from '../audit/activity-store.js'
import type { SecretsDatabase } from '../database.js'
import type { ProviderRegistry } from '../provider/provider.js'
import { ProviderError, type RemoteStorage } from '../provider/remote-storage.js'
import { writeRemotely } from './remote-call.js'
import { type Finished, finishWrite, giveUpWrite } from './remote-outcome.js'
import { listOverdueWrites, type PendingWrite, takeOverdueWrite } from './remote-write-store.js'

interface RemoteWriteDeps {
  db: Db<SecretsDatabase>
  providers: ProviderRegistry
  logger: Logger
}

/** A write that was announced in a transaction which has been committed. */
export interface AnnouncedWrite {
  readonly write: PendingWrite
  /** Whether the remote secret is to be made; else it is there, and gets another version. */
  readonly makes: boolean
  readonly value: Buffer
  /** Who asked for it. */
  readonly actor: ActivityAuthor
}

/**
 * Writes values to a remote provider so that a crash at any point leaves neither a lost value nor one that nobody
 * knows of. 1. Our version row is committed as `pending`; its id is the token of the write. 2. The provider is called.
 * 3. One transaction numbers the version, makes it current and records the activity. Whoever comes after a crash asks
 * the provider for the token: there, and step 3 is made up for; not there, and the version has failed. Nothing is ever
 * rolled back at the provider, and no value is read for it.
 */
export interface RemoteWriteService {
  /**
   * Does steps 2 and 3. Throws what the provider refused, after the version has failed, or `outcome_unknown`, after
   * which the reconciler finds out.
   */
  write(announced: AnnouncedWrite, storage: RemoteStorage): Promise<Finished>
  /**
   * Finds out what became of one write that was given up by whoever began it. Throws when the provider cannot be
   * asked; then it stays as it is.
   */
  reconcile(versionId: string): Promise<void>
  /**
   * Reconciles what is overdue, until the signal says to begin nothing more; gives the number of writes that are
   * settled. Failures are logged and left for later.
   */
  reconcileDue(signal?: AbortSignal): Promise<number>
}

/** For all calls of a write together: well within the lease of its version. */
const writeMsMax = 20_000
/** A question between other work. */
const reconcileMsMax = 5_000
/** So that a long outage leaves no long turn. */
const reconciledAtOnceMax = 100
/** So that a region that hangs holds up others less. */
const lanes = 4

/** Makes the service. */
export function createRemoteWriteService({ db, providers, logger }: RemoteWriteDeps): RemoteWriteService {
  const unsettled = (write: PendingWrite, error: unknown) =>
    logger.warn(
      { versionId: write.versionId, code: codeOf(error) },
      'the outcome of a remote write is not known yet; it is looked for again'
    )

  async function reconcile(versionId: string): Promise<boolean> {
    const write = await takeOverdueWrite(db, versionId)
    if (write === undefined) return false
    const storage = providers.find(write.provider)?.storage
    if (storage?.kind !== 'remote') throw new AppError('provider_unsupported')
    const found = await storage.find({ ...write, deadlineMs: reconcileMsMax })
    if (found === null) await settled((tx) => giveUpWrite(tx, write))
    else {
      const outcome = {
        externalRef: found.externalRef,
        remoteName: storage.nameIn(found.externalRef),
        tagged: null
      }
      await settled((tx) => finishWrite(tx, write, outcome, recorder(write, authorOfWrite(write), true)))
    }
    return true
  }

  const settled = <T>(work: (tx: Tx<SecretsDatabase>) => Promise<T>) =>
    transaction(db, work, { attemptsMax: 3 })

  return {
    async write({ write, makes, value, actor }, storage) {
      const startedAt = performance.now()
      const leftMs = () => Math.max(1, writeMsMax - (performance.now() - startedAt))
      const outcome = await writeRemotely({ db, storage, leftMs }, { write, makes, value }).catch(
        async (error: unknown) => {
          if (!(error instanceof AppError) || (error instanceof ProviderError && error.mayHaveActed)) {
            unsettled(write, error)
            throw outcomeUnknown(error)
          }
          // Should this fail as well, the reconciler finds no such version and does the same.
          await settled((tx) => giveUpWrite(tx, write)).catch((fault: unknown) => unsettled(write, fault))
          throw error
        }
      )
      const finished = await settled((tx) =>
        finishWrite(tx, write, outcome, recorder(write, actor, false))
      ).catch((error: unknown) => {
        unsettled(write, error)
        throw outcomeUnknown(error)
      })
      if (finished === 'secret_deleted')
        throw new AppError('secret_not_found', { detail: 'The secret was deleted meanwhile.' })
      if (finished === 'given_up')
        throw new AppError('state_conflict', {
          detail: 'The provider took so long that the write was given up: nothing has changed. Try again.'
        })
      return finished
    },

    async reconcile(versionId) {
      await reconcile(versionId)
    },

    async reconcileDue(signal) {
      const due = await listOverdueWrites(db, reconciledAtOnceMax)
      let count = 0
      const lane = async () => {
        for (let versionId = due.shift(); versionId !== undefined; versionId = due.shift()) {
          if (signal?.aborted) return
          try {
            if (await reconcile(versionId)) count++
          } catch (error) {
            logger.warn({ versionId, code: codeOf(error) }, 'a remote write could not be reconciled yet')
          }
        }
      }
      await Promise.all(Array.from({ length: lanes }, lane))
      return count
    }
  }
}

function recorder(write: PendingWrite, author: ActivityAuthor, reconciled: boolean) {
  return (tx: Tx<SecretsDatabase>, { version }: { version: number }) =>
    insertActivityOf(tx, author, {
      companyId: write.companyId,
      action: version === 1 ? 'secret.created' : 'secret.rotated',
      entityType: 'secret',
      entityId: write.secretId,
      metadata: {
        key: write.key,
        provider: write.provider,
        ...(version === 1 ? {} : { version }),
        ...(reconciled ? { reconciled } : {})
      }
    })
}

/** Whoever asked is named also when somebody else finishes the work. */
function authorOfWrite({ author: { userId, agentId } }: PendingWrite): ActivityAuthor {
  if (agentId !== null) return { type: 'agent', id: agentId, runId: null }
  if (userId !== null) return { type: 'user', id: userId, runId: null }
  return { type: 'system', id: 'reconciler', runId: null }
}

function outcomeUnknown(cause: unknown): AppError {
  return new AppError('outcome_unknown', {
    detail:
      'The provider may have written the value. Until that is known the former one stays; look again in two minutes.',
    cause,
    retryAfterSeconds: 60
  })
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'unknown'
}
