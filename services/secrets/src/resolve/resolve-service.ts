import {
  eventId,
  limits,
  newResolveId,
  type ProblemCode,
  type ProblemEntry,
  problems
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError, type Batcher } from '@paperclip/server'
import { IntegrityError } from '../crypto/crypto-error.js'
import { parseEnvelope } from '../crypto/envelope-format.js'
import { open } from '../crypto/open.js'
import type { SecretsDatabase } from '../database.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import type { ProviderRegistry } from '../provider/provider.js'
import { formatReply, type RevealedVariable } from './resolve-reply.js'
import { type FollowUp, insertFollowUps, type ResolveRequest, type ResolveRow } from './resolve-store.js'

interface ResolveServiceDeps {
  db: Db<SecretsDatabase>
  recorder: Batcher<ResolveRequest, ResolveRow[]>
  providers: ProviderRegistry
  companyKeys: CompanyKeyring
  /** Takes the secrets whose last resolved time is due; must not wait. */
  onResolved: (secretIds: readonly string[]) => void
  /** Told when stored data does not verify, or a follow-up cannot be written: someone must look. */
  onIntegrityFailure: (facts: { companyId: string; secretId: string; resolveId: string }) => void
}

/** Resolves whole environments. */
export interface ResolveService {
  /** Gives the reply's JSON text. The record of every value in it was committed before the value was opened. */
  resolve(request: ResolveRequest): Promise<string>
}

/** Makes the service. It keeps neither values nor permissions: each call asks the database. */
export function createResolveService(deps: ResolveServiceDeps): ResolveService {
  return {
    async resolve(request) {
      const rows = await deps.recorder.submit(request)
      refuseFaulty(rows)
      const opened = await Promise.all(rows.map((row) => openRow(deps, request, row)))
      const faults = opened.filter((outcome): outcome is OpenFault => outcome instanceof OpenFault)
      if (faults.length > 0) throw await followUp(deps, request, rows, faults)
      const variables = opened.flatMap((outcome) => (outcome instanceof OpenFault ? [] : outcome))
      const reply = formatReply(variables)
      if (Buffer.byteLength(reply) > limits.resolvedEnvironmentBytesMax) {
        const tooLarge = rows.map((row) => new OpenFault(row, 'env_too_large'))
        await followUp(deps, request, rows, tooLarge)
        throw new AppError('env_too_large', { detail: 'All values together are larger than 4 MiB.' })
      }
      const stale = rows.filter((row) => row.stale)
      if (stale.length > 0) deps.onResolved(stale.map((row) => row.place_id))
      return reply
    }
  }
}

/** Why one row could not be opened. */
class OpenFault {
  readonly row: ResolveRow
  readonly code: ProblemCode

  constructor(row: ResolveRow, code: ProblemCode) {
    this.row = row
    this.code = code
  }
}

/** One binding that is not in order refuses them all, before any provider is asked. */
function refuseFaulty(rows: readonly ResolveRow[]): void {
  const errors = rows.flatMap((row) => (row.code === null ? [] : [entryOf(row, row.code)]))
  if (errors.length > 0) throw worstOf(errors)
}

function entryOf(row: ResolveRow, code: ProblemCode): ProblemEntry & { code: ProblemCode } {
  return { pointer: row.config_path ?? `env (${row.target_type})`, code, message: problems[code].title }
}

/** The worst entry gives the status: 503 before 502 before 422. */
function worstOf(errors: readonly (ProblemEntry & { code: ProblemCode })[]): AppError {
  const [worst] = errors.toSorted((a, b) => problems[b.code].status - problems[a.code].status)
  if (worst === undefined) throw new TypeError('no error to report')
  const paths = errors.map((entry) => entry.pointer).join(', ')
  return new AppError(worst.code, {
    detail: `Nothing was resolved, because of ${paths.length > 600 ? `${errors.length} entries` : paths}.`,
    errors: [...errors]
  })
}

async function openRow(
  deps: ResolveServiceDeps,
  { companyId }: ResolveRequest,
  row: ResolveRow
): Promise<RevealedVariable[] | OpenFault> {
  try {
    if (row.ordinal < 0) return await openPlain(deps.companyKeys, companyId, row)
    const provider = deps.providers.find(row.provider)
    if (provider === undefined) return new OpenFault(row, 'provider_unsupported')
    const place = { companyId, secretId: row.place_id, versionId: row.version_id }
    const stored = { sealed: row.sealed, providerVersionRef: row.provider_version_ref }
    const opened = provider.readVersion(place, stored)
    const value = opened instanceof Promise ? await opened : opened
    return [{ name: row.config_path.slice(4), target: row.target_type, value: value.toString(), secret: row }]
  } catch (error) {
    if (error instanceof IntegrityError) return new OpenFault(row, 'integrity_failure')
    if (error instanceof AppError) return new OpenFault(row, error.code)
    throw error
  }
}

async function openPlain(
  companyKeys: CompanyKeyring,
  companyId: string,
  row: ResolveRow
): Promise<RevealedVariable[]> {
  const values = Object.entries<string>(JSON.parse(row.plain ?? '{}'))
  if (row.sealed !== null) {
    const companyKey = await companyKeys.forOpening(companyId, parseEnvelope(row.sealed).companyKeyId)
    const place = { secretId: row.place_id, versionId: row.version_id, kind: 'env' } as const
    values.push(...Object.entries<string>(JSON.parse(open(row.sealed, { companyKey, ...place }).toString())))
  }
  return values.map(([name, value]) => ({ name, target: row.target_type, value, secret: null }))
}

/** Records that announced values did not leave after all, and gives the problem to answer with. */
async function followUp(
  deps: ResolveServiceDeps,
  { companyId, resolveId }: ResolveRequest,
  rows: readonly ResolveRow[],
  faults: readonly OpenFault[]
): Promise<AppError> {
  const codes = new Map(faults.map(({ row, code }) => [row, code]))
  const followUpId = newResolveId()
  const followUps = rows
    .filter((row) => row.ordinal >= 0)
    .map(
      (row): FollowUp => ({
        companyId,
        eventId: eventId(resolveId, row.ordinal),
        resolveId: followUpId,
        code: codes.get(row) ?? 'withheld'
      })
    )
  for (const { row, code } of faults)
    if (code === 'integrity_failure')
      deps.onIntegrityFailure({ companyId, secretId: row.place_id, resolveId })
  await insertFollowUps(deps.db, followUps)
  return worstOf(faults.map(({ row, code }) => entryOf(row, code)))
}
