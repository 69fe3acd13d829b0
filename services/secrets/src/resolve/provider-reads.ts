import { limits, providerReadMsMax } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { SecretProvider, StoredVersion, ValuePlace } from '../provider/provider.js'

/** A value to be fetched from a provider. Its access is on record. */
export interface ProviderRead {
  readonly provider: SecretProvider
  readonly place: ValuePlace
  readonly stored: StoredVersion
}

/** Fetches values that must be waited for. */
export interface ProviderReads {
  /**
   * Fetches the values of one request; gives an outcome for each, in order, within {@link providerReadMsMax}. Never
   * rejects. No database connection may be held meanwhile. What comes after the deadline is dropped.
   */
  readAll(companyId: string, reads: readonly ProviderRead[]): Promise<(Buffer | Error)[]>
}

interface ProviderReadsOptions {
  /** Requests that may wait for providers at once; one more is refused as `overloaded`. */
  readonly requestsMax: number
  /** Of these, at most so many of one company, so that one whose provider hangs leaves room for the others. */
  readonly companyRequestsMax: number
  /** Values of one request that are asked for at the same time. */
  readonly atOnceMax: number
  readonly deadlineMs: number
}

/** A hundred runs that start together must fit many times; each holds a connection of the hop, and its values. */
export const providerReadLimits: ProviderReadsOptions = {
  requestsMax: 1_024,
  companyRequestsMax: 256,
  atOnceMax: 16,
  deadlineMs: providerReadMsMax
}

/** Makes the reads of one process. */
export function createProviderReads(options: ProviderReadsOptions = providerReadLimits): ProviderReads {
  const { requestsMax, companyRequestsMax, atOnceMax, deadlineMs } = options
  const requestsOf = new Map<string, number>()
  let requests = 0

  function enter(companyId: string): boolean {
    const ofCompany = requestsOf.get(companyId) ?? 0
    if (requests >= requestsMax || ofCompany >= companyRequestsMax) return false
    requests += 1
    requestsOf.set(companyId, ofCompany + 1)
    return true
  }

  function leave(companyId: string): void {
    requests -= 1
    const ofCompany = (requestsOf.get(companyId) ?? 1) - 1
    if (ofCompany === 0) requestsOf.delete(companyId)
    else requestsOf.set(companyId, ofCompany)
  }

  return {
    async readAll(companyId, reads) {
      if (!enter(companyId)) return reads.map(() => new AppError('overloaded', { retryAfterSeconds: 1 }))
      try {
        return await readWithin(reads, { atOnceMax, deadlineMs })
      } finally {
        leave(companyId)
      }
    }
  }
}

async function readWithin(
  reads: readonly ProviderRead[],
  { atOnceMax, deadlineMs }: Pick<ProviderReadsOptions, 'atOnceMax' | 'deadlineMs'>
): Promise<(Buffer | Error)[]> {
  const outcomes: (Buffer | Error | undefined)[] = reads.map(() => undefined)
  let isLate = false
  let next = 0
  let bytes = 0

  async function readOn(): Promise<void> {
    for (let index = next++; index < reads.length && !isLate; index = next++) {
      const read = reads[index]
      if (read === undefined) return
      const outcome = await readOne(read)
      // Whoever waited has had his answer; this is kept by nobody.
      if (isLate) return
      if (!(outcome instanceof Error)) bytes += outcome.length
      outcomes[index] = bytes > limits.resolvedEnvironmentBytesMax ? new AppError('env_too_large') : outcome
    }
  }

  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs)
  })
  const readers = Array.from({ length: Math.min(atOnceMax, reads.length) }, readOn)
  await Promise.race([Promise.all(readers), deadline])
  isLate = true
  clearTimeout(timer)
  return outcomes.map((outcome) => outcome ?? tooLate())
}

async function readOne({ provider, place, stored }: ProviderRead): Promise<Buffer | Error> {
  try {
    return await provider.readVersion(place, stored)
  } catch (error) {
    return error instanceof Error ? error : new TypeError('a provider threw something else')
  }
}

function tooLate(): AppError {
  return new AppError('provider_unavailable', { detail: 'The provider did not answer in time.' })
}
