import { isUniqueViolation } from '@paperclip/db'
import { AppError, type Batcher, createBatcher } from '@paperclip/server'
import type pg from 'pg'
import { type ResolveRequest, type ResolveRow, recordAndRead } from './resolve-store.js'

/** One statement judges at most this many requests: beyond, its plan grows faster than its gain. */
const batchItemsMax = 64
/** While one commit waits for the disk a second one is computed; more only make smaller batches (measured). */
const batchesInFlightMax = 2
/** Requests that may wait, about a second of full load. */
const waitingMax = 4_096
/** After this a failed batch is not tried again one by one. */
const retryWithinMs = 400

/** What the recorder says besides its answers. */
type OnFailure = (error: Error) => void

/**
 * Makes the recorder: concurrent resolves share one statement and one commit.
 *
 * When a batch fails, its requests are tried once more one by one, so that an error belongs to the request that
 * caused it. A replay is `replayed`; when the record cannot be committed, `audit_unavailable`, and nothing is opened.
 */
export function createResolveRecorder(
  pool: pg.Pool,
  onFailure: OnFailure
): Batcher<ResolveRequest, ResolveRow[]> {
  async function run(requests: ResolveRequest[]): Promise<(ResolveRow[] | Error)[]> {
    const startedAt = performance.now()
    try {
      return await recordAndRead(pool, requests)
    } catch (error) {
      const [first] = requests
      if (requests.length === 1 && first !== undefined) return [refusalOf(error, onFailure)]
      if (!canBeOneRequestsFault(error)) return requests.map(() => refusalOf(error, onFailure))
    }
    const outcomes: (ResolveRow[] | Error)[] = []
    for (const request of requests) {
      const late = performance.now() - startedAt > retryWithinMs
      outcomes.push(
        late ? new AppError('audit_unavailable', { retryAfterSeconds: 1 }) : await runAlone(request)
      )
    }
    return outcomes
  }

  async function runAlone(request: ResolveRequest): Promise<ResolveRow[] | Error> {
    try {
      const [rows] = await recordAndRead(pool, [request])
      return rows ?? []
    } catch (error) {
      return refusalOf(error, onFailure)
    }
  }

  return createBatcher({ run, itemsMax: batchItemsMax, inFlightMax: batchesInFlightMax, waitingMax })
}

/**
 * An error of class 22 (data) or 23 (constraint), or a value that cannot be sent at all (a TypeError), names a fault
 * in what was sent; all others would repeat.
 */
function canBeOneRequestsFault(error: unknown): boolean {
  if (error instanceof TypeError) return true
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && (code.startsWith('22') || code.startsWith('23'))
}

function refusalOf(error: unknown, onFailure: OnFailure): AppError {
  if (isUniqueViolation(error, 'secret_access_events_pkey')) return new AppError('replayed')
  if (error instanceof Error) onFailure(error)
  return new AppError('audit_unavailable', {
    detail: 'The access could not be recorded, so nothing was revealed. Try again shortly.',
    cause: error,
    retryAfterSeconds: 1
  })
}
