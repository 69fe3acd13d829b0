import type { RevealedValue } from '@paperclip/contracts'
import { isUniqueViolation } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type pg from 'pg'
import { problemOfError } from '../error-problem.js'
import { isSealedHere, type ProviderRegistry } from '../provider/provider.js'
import type { ProviderReads } from './provider-reads.js'
import type { ResolveRequest } from './resolve-store.js'
import { type RevealRow, recordAndReadOne } from './reveal-store.js'
import { storedVersionOf } from './stored-version.js'
import type { Withdrawals } from './withdrawal.js'

type RevealRequest = Omit<ResolveRequest, 'targetType'>

/** Reveals one bound value to a run. */
export interface RevealService {
  reveal(request: RevealRequest, key: string): Promise<RevealedValue>
}

interface RevealServiceDeps {
  pool: pg.Pool
  providers: ProviderRegistry
  reads: ProviderReads
  withdrawals: Withdrawals
  onResolved: (secretIds: readonly string[]) => void
  /** Told when stored data does not verify: someone must look. */
  onIntegrityFailure: (facts: { companyId: string; placeId: string; resolveId: string }) => void
}

/** Makes the service. As in a resolve, the event is committed before the value is opened or fetched. */
export function createRevealService(deps: RevealServiceDeps): RevealService {
  return {
    async reveal(request, key) {
      const row = await record(deps.pool, request, key)
      if (row === undefined)
        throw new AppError('binding_forbidden', { detail: 'No secret with this key is bound to this run.' })
      if (row.code !== null) throw new AppError(row.code)
      const value = await readRow(deps, request, row).catch((error: unknown) =>
        withdraw(deps, { request, row, error })
      )
      deps.onResolved([row.secret_id])
      return { key, value, version: row.version }
    }
  }
}

async function record(pool: pg.Pool, request: RevealRequest, key: string): Promise<RevealRow | undefined> {
  try {
    return await recordAndReadOne(pool, request, key)
  } catch (cause) {
    if (isUniqueViolation(cause, 'secret_access_events_pkey')) throw new AppError('replayed')
    throw new AppError('audit_unavailable', {
      detail: 'The access could not be recorded, so nothing was revealed. Try again shortly.',
      cause,
      retryAfterSeconds: 1
    })
  }
}

async function readRow(
  { providers, reads }: RevealServiceDeps,
  { companyId }: RevealRequest,
  row: RevealRow
): Promise<string> {
  const provider = providers.find(row.provider)
  if (provider === undefined) throw new AppError('provider_unsupported')
  const place = { companyId, secretId: row.secret_id, versionId: row.version_id }
  const stored = storedVersionOf(row)
  if (isSealedHere(row)) return (await provider.readVersion(place, stored)).toString()
  const [value] = await reads.readAll(companyId, [{ provider, place, stored }])
  if (!(value instanceof Buffer)) throw value
  const text = value.toString()
  value.fill(0)
  return text
}

/** Records that the announced value did not leave, then throws what was wrong. */
async function withdraw(
  { withdrawals, onIntegrityFailure }: RevealServiceDeps,
  { request, row, error }: { request: RevealRequest; row: RevealRow; error: unknown }
): Promise<never> {
  const problem = problemOfError(error) ?? new AppError('internal_error', { cause: error })
  const { companyId, resolveId } = request
  if (problem.code === 'integrity_failure')
    onIntegrityFailure({ companyId, placeId: row.secret_id, resolveId })
  await withdrawals.withdraw({ companyId, resolveId }, [{ ordinal: 0, code: problem.code }])
  throw problem
}
