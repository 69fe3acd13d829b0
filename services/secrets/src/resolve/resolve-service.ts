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
import { storedVersionOf } from './stored-version.js'

interface ResolveServiceDeps {
  db: Db<SecretsDatabase>
  recorder: Batcher<ResolveRequest, ResolveRow[]>
  providers: ProviderRegistry
  companyKeys: CompanyKeyring
  /** Takes the secrets whose last resolved time is due; must not wait. */
  onResolved: (secretIds: readonly string[]) => void
  /** Told when stored data does not verify: someone must look. `placeId` is a secret, or the target of an environment. */
  onIntegrityFailure: (facts: { companyId: string; placeId: string; resolveId: string }) => void
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
      const variables = await openAll(deps, request, rows)
      const reply = formatReply(variables)
      if (reply.length > limits.resolvedEnvironmentBytesMax / utf8BytesPerUnitMax)
        await refuseTooLarge(deps, { request, rows, reply })
      const stale = rows.filter((row) => row.stale)
      if (stale.length > 0) deps.onResolved(stale.map((row) => row.place_id))
      return reply
    }
  }
}

/** A UTF-16 unit takes at most this many bytes of UTF-8: most replies need no counting. */
const utf8BytesPerUnitMax = 3

async function refuseTooLarge(
  deps: ResolveServiceDeps,
  { request, rows, reply }: { request: ResolveRequest; rows: readonly ResolveRow[]; reply: string }
): Promise<void> {
  if (Buffer.byteLength(reply) <= limits.resolvedEnvironmentBytesMax) return
  await followUp(deps, { request, rows, faults: rows.map((row) => new OpenFault(row, 'env_too_large')) })
  throw new AppError('env_too_large', { detail: 'All values together are larger than 4 MiB.' })
}

/** Opens every row, without waiting where no provider must; one fault refuses them all. */
async function openAll(
  deps: ResolveServiceDeps,
  request: ResolveRequest,
  rows: readonly ResolveRow[]
): Promise<RevealedVariable[]> {
  const variables: RevealedVariable[] = []
  const faults: OpenFault[] = []
  const openings = rows.map((row) => openRow(deps, request, row))
  for (const opened of isSettled(openings) ? openings : await Promise.all(openings)) {
    if (opened instanceof OpenFault) faults.push(opened)
    else variables.push(...opened)
  }
  if (faults.length > 0) throw await followUp(deps, { request, rows, faults })
  return variables
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
  if (rows.every((row) => row.code === null)) return
  throw worstOf(rows.flatMap((row) => (row.code === null ? [] : [entryOf(row, row.code)])))
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

type Opened = RevealedVariable[] | OpenFault

function isSettled(openings: (Opened | Promise<Opened>)[]): openings is Opened[] {
  return !openings.some((opening) => opening instanceof Promise)
}

function openRow(
  deps: ResolveServiceDeps,
  { companyId }: ResolveRequest,
  row: ResolveRow
): Opened | Promise<Opened> {
  try {
    if (row.ordinal < 0)
      return openPlain(deps.companyKeys, companyId, row).catch((error: unknown) => faultOf(row, error))
    const provider = deps.providers.find(row.provider)
    if (provider === undefined) return new OpenFault(row, 'provider_unsupported')
    const place = { companyId, secretId: row.place_id, versionId: row.version_id }
    const opened = provider.readVersion(place, storedVersionOf(row))
    if (!(opened instanceof Promise)) return [revealed(row, opened)]
    return opened.then(
      (value) => [revealed(row, value)],
      (error: unknown) => faultOf(row, error)
    )
  } catch (error) {
    return faultOf(row, error)
  }
}

function revealed(row: ResolveRow, value: Buffer): RevealedVariable {
  return { name: row.config_path.slice(4), target: row.target_type, value: value.toString(), secret: row }
}

/** What a provider refused, or stored data that does not verify, belongs to its row; all else is ours. */
function faultOf(row: ResolveRow, error: unknown): OpenFault {
  if (error instanceof IntegrityError) return new OpenFault(row, 'integrity_failure')
  if (error instanceof AppError) return new OpenFault(row, error.code)
  throw error
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
  {
    request,
    rows,
    faults
  }: { request: ResolveRequest; rows: readonly ResolveRow[]; faults: readonly OpenFault[] }
): Promise<AppError> {
  const { companyId, resolveId } = request
  const codes = new Map(faults.map(({ row, code }) => [row, code]))
  const followUpId = newResolveId()
  const announced = rows.filter((row) => row.ordinal >= 0)
  const event = (ordinal: number, code: string): FollowUp => ({
    companyId,
    eventId: eventId(resolveId, ordinal),
    resolveId: followUpId,
    code
  })
  // Without a binding the event at 0 announced the plain values.
  const followUps =
    announced.length === 0
      ? [event(0, faults[0]?.code ?? 'withheld')]
      : announced.map((row) => event(row.ordinal, codes.get(row) ?? 'withheld'))
  for (const { row, code } of faults)
    if (code === 'integrity_failure') deps.onIntegrityFailure({ companyId, placeId: row.place_id, resolveId })
  await insertFollowUps(deps.db, followUps)
  return worstOf(faults.map(({ row, code }) => entryOf(row, code)))
}
