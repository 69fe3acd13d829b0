import { limits, type ProblemEntry, problems } from '@paperclip/contracts'
import { AppError, type Batcher } from '@paperclip/server'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import type { ProviderRegistry } from '../provider/provider.js'
import type { ProviderReads } from './provider-reads.js'
import { formatReply, type RevealedVariable } from './resolve-reply.js'
import type { ResolveRequest, ResolveRow } from './resolve-store.js'
import { OpenFault, type Opening, openFetched, openRow, ToFetch } from './row-opener.js'
import type { Withdrawals } from './withdrawal.js'

interface ResolveServiceDeps {
  recorder: Batcher<ResolveRequest, ResolveRow[]>
  providers: ProviderRegistry
  reads: ProviderReads
  withdrawals: Withdrawals
  companyKeys: CompanyKeyring
  /** Takes the secrets whose last resolved time is due; must not wait. */
  onResolved: (secretIds: readonly string[]) => void
  /** Told when stored data does not verify: someone must look. `placeId` is a secret, or the target of an environment. */
  onIntegrityFailure: (facts: { companyId: string; placeId: string; resolveId: string }) => void
}

/** A reply that waits for a provider; everything else about it is settled. */
export class LaterReply {
  readonly text: Promise<string>

  constructor(text: Promise<string>) {
    this.text = text
  }
}

/** Resolves whole environments. */
export interface ResolveService {
  /** Gives the reply's JSON text. The record of every value in it was committed before the value was opened. */
  resolve(request: ResolveRequest): Promise<string>
  /** The same, but settles as soon as nothing but providers is waited for. */
  begin(request: ResolveRequest): Promise<string | LaterReply>
}

/** One request and what the statement gave for it. */
interface Recorded {
  readonly request: ResolveRequest
  readonly rows: readonly ResolveRow[]
}

/** Makes the service. It keeps neither values nor permissions: each call asks the database. */
export function createResolveService(deps: ResolveServiceDeps): ResolveService {
  async function begin(request: ResolveRequest): Promise<string | LaterReply> {
    const rows = await deps.recorder.submit(request)
    refuseFaulty(rows)
    const recorded = { request, rows }
    const openings = rows.map((row) => openRow(deps, request.companyId, row))
    const opened = isSettled(openings) ? openings : await Promise.all(openings)
    // What fails here fails them all, so then no provider is asked.
    await refuseFaults(deps, recorded, opened)
    const toFetch = opened.filter((opening) => opening instanceof ToFetch)
    if (toFetch.length === 0) return finish(deps, recorded, opened)
    return new LaterReply(fetchRest(deps, recorded, { opened, toFetch }))
  }

  return {
    begin,
    async resolve(request) {
      const begun = await begin(request)
      return begun instanceof LaterReply ? await begun.text : begun
    }
  }
}

function isSettled(openings: (Opening | Promise<Opening>)[]): openings is Opening[] {
  return !openings.some((opening) => opening instanceof Promise)
}

async function fetchRest(
  deps: ResolveServiceDeps,
  recorded: Recorded,
  { opened, toFetch }: { opened: readonly Opening[]; toFetch: readonly ToFetch[] }
): Promise<string> {
  const reads = toFetch.map(({ read }) => read)
  const values = await deps.reads.readAll(recorded.request.companyId, reads)
  const fetched = new Map(
    toFetch.map((one, index) => [one, openFetched(one, values[index] ?? new TypeError('no outcome'))])
  )
  const all = opened.map((opening) => (opening instanceof ToFetch ? (fetched.get(opening) ?? []) : opening))
  await refuseFaults(deps, recorded, all)
  return await finish(deps, recorded, all)
}

/** A UTF-16 unit takes at most this many bytes of UTF-8: most replies need no counting. */
const utf8BytesPerUnitMax = 3

async function finish(
  deps: ResolveServiceDeps,
  recorded: Recorded,
  opened: readonly Opening[]
): Promise<string> {
  const variables: RevealedVariable[] = []
  for (const opening of opened) if (Array.isArray(opening)) variables.push(...opening)
  const reply = formatReply(variables)
  if (reply.length > limits.resolvedEnvironmentBytesMax / utf8BytesPerUnitMax)
    await refuseTooLarge(deps, recorded, reply)
  const stale = recorded.rows.filter((row) => row.stale)
  if (stale.length > 0) deps.onResolved(stale.map((row) => row.place_id))
  return reply
}

async function refuseTooLarge(deps: ResolveServiceDeps, recorded: Recorded, reply: string): Promise<void> {
  if (Buffer.byteLength(reply) <= limits.resolvedEnvironmentBytesMax) return
  const problem = new AppError('env_too_large', { detail: 'All values together are larger than 4 MiB.' })
  await withdraw(
    deps,
    recorded,
    recorded.rows.map((row) => new OpenFault(row, problem))
  )
  throw problem
}

/** One binding that is not in order refuses them all, before any provider is asked. */
function refuseFaulty(rows: readonly ResolveRow[]): void {
  if (rows.every((row) => row.code === null)) return
  throw worstOf(
    rows.flatMap((row) => (row.code === null ? [] : [new OpenFault(row, new AppError(row.code))]))
  )
}

/** One value that cannot be had refuses them all; that is on record before the answer. */
async function refuseFaults(
  deps: ResolveServiceDeps,
  recorded: Recorded,
  opened: readonly Opening[]
): Promise<void> {
  const faults = opened.filter((opening) => opening instanceof OpenFault)
  if (faults.length === 0) return
  await withdraw(deps, recorded, faults)
  throw worstOf(faults)
}

/** Names every path; the worst gives the status: 503 before 502 before 422. */
function worstOf(faults: readonly OpenFault[]): AppError {
  const [worst] = faults.toSorted((a, b) => b.problem.status - a.problem.status)
  if (worst === undefined) throw new TypeError('no error to report')
  const errors = faults.map(entryOf)
  const paths = errors.map((entry) => entry.pointer).join(', ')
  const { code, retryAfterSeconds } = worst.problem
  // A fault of our own must show in the log, whatever else was worse for the caller.
  const { cause } = (faults.find((fault) => fault.code === 'internal_error') ?? worst).problem
  return new AppError(code, {
    detail: `Nothing was resolved, because of ${paths.length > 600 ? `${errors.length} entries` : paths}.`,
    errors,
    cause,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
  })
}

function entryOf({ row, problem }: OpenFault): ProblemEntry {
  const pointer = row.config_path ?? `env (${row.target_type})`
  const { code } = problem
  // What is wrong inside this service is nobody else's to read.
  return { pointer, code, message: code === 'internal_error' ? problems[code].title : problem.message }
}

/** Records that announced values did not leave after all. */
async function withdraw(
  deps: ResolveServiceDeps,
  { request, rows }: Recorded,
  faults: readonly OpenFault[]
): Promise<void> {
  const { companyId, resolveId } = request
  for (const { row, code } of faults)
    if (code === 'integrity_failure') deps.onIntegrityFailure({ companyId, placeId: row.place_id, resolveId })
  const codes = new Map(faults.map(({ row, code }) => [row, code]))
  const announced = rows.filter((row) => row.ordinal >= 0)
  // Without a binding the event at 0 announced the plain values.
  const events =
    announced.length === 0
      ? [{ ordinal: 0, code: faults[0]?.code ?? 'withheld' }]
      : announced.map((row) => ({ ordinal: row.ordinal, code: codes.get(row) ?? 'withheld' }))
  await deps.withdrawals.withdraw({ companyId, resolveId }, events)
}
