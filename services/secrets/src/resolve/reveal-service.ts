import { eventId, newResolveId, type RevealedValue } from '@paperclip/contracts'
import { type Db, isUniqueViolation } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type pg from 'pg'
import { IntegrityError } from '../crypto/crypto-error.js'
import type { SecretsDatabase } from '../database.js'
import type { ProviderRegistry } from '../provider/provider.js'
import { insertFollowUps, type ResolveRequest } from './resolve-store.js'
import { type RevealRow, recordAndReadOne } from './reveal-store.js'
import { storedVersionOf } from './stored-version.js'

/** Reveals one bound value to a run. */
export interface RevealService {
  reveal(request: Omit<ResolveRequest, 'targetType'>, key: string): Promise<RevealedValue>
}

/** Makes the service. As in a resolve, the event is committed before the value is opened. */
export function createRevealService({
  db,
  pool,
  providers,
  onResolved,
  onIntegrityFailure
}: {
  db: Db<SecretsDatabase>
  pool: pg.Pool
  providers: ProviderRegistry
  onResolved: (secretIds: readonly string[]) => void
  /** Told when stored data does not verify: someone must look. */
  onIntegrityFailure: (facts: { companyId: string; placeId: string; resolveId: string }) => void
}): RevealService {
  return {
    async reveal(request, key) {
      const row = await record(pool, request, key)
      if (row === undefined)
        throw new AppError('binding_forbidden', { detail: 'No secret with this key is bound to this run.' })
      if (row.code !== null) throw new AppError(row.code)
      const value = await openRow(providers, request, row).catch(async (error: unknown) => {
        const code =
          error instanceof IntegrityError
            ? 'integrity_failure'
            : error instanceof AppError
              ? error.code
              : null
        if (code === null) throw error
        const { companyId, resolveId } = request
        if (code === 'integrity_failure') onIntegrityFailure({ companyId, placeId: row.secret_id, resolveId })
        const followed = { companyId: request.companyId, eventId: eventId(request.resolveId, 0) }
        await insertFollowUps(db, [{ ...followed, resolveId: newResolveId(), code }])
        throw error instanceof AppError ? error : new AppError(code, { cause: error })
      })
      onResolved([row.secret_id])
      return { key, value: value.toString(), version: row.version }
    }
  }
}

async function record(
  pool: pg.Pool,
  request: Omit<ResolveRequest, 'targetType'>,
  key: string
): Promise<RevealRow | undefined> {
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

async function openRow(
  providers: ProviderRegistry,
  { companyId }: Pick<ResolveRequest, 'companyId'>,
  row: RevealRow
): Promise<Buffer> {
  const provider = providers.find(row.provider)
  if (provider === undefined) throw new AppError('provider_unsupported')
  const place = { companyId, secretId: row.secret_id, versionId: row.version_id }
  return provider.readVersion(place, storedVersionOf(row))
}
