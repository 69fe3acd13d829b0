import type { ProblemCode } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { parseEnvelope } from '../crypto/envelope-format.js'
import { open } from '../crypto/open.js'
import { problemOfError } from '../error-problem.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import { isSealedHere, type ProviderRegistry } from '../provider/provider.js'
import type { ProviderRead } from './provider-reads.js'
import type { RevealedVariable } from './resolve-reply.js'
import type { ResolveRow } from './resolve-store.js'
import { storedVersionOf } from './stored-version.js'

/** What opening one row gives: its variables, why there are none, or that its value must be fetched. */
export type Opening = RevealedVariable[] | OpenFault | ToFetch

interface RowOpenerDeps {
  providers: ProviderRegistry
  companyKeys: CompanyKeyring
}

/** Why one row could not be opened. */
export class OpenFault {
  readonly row: ResolveRow
  readonly problem: AppError

  constructor(row: ResolveRow, problem: AppError) {
    this.row = row
    this.problem = problem
  }

  get code(): ProblemCode {
    return this.problem.code
  }
}

/** A row whose value lies at a provider. Nobody has been asked for it yet. */
export class ToFetch {
  readonly row: ResolveRow
  readonly read: ProviderRead

  constructor(row: ResolveRow, read: ProviderRead) {
    this.row = row
    this.read = read
  }
}

/** Opens what is sealed in our own rows, without waiting where its key is at hand. Asks no provider, never throws. */
export function openRow(
  deps: RowOpenerDeps,
  companyId: string,
  row: ResolveRow
): Opening | Promise<RevealedVariable[] | OpenFault> {
  try {
    if (row.ordinal < 0)
      return openPlain(deps.companyKeys, companyId, row).catch((error: unknown) => faultOf(row, error))
    const provider = deps.providers.find(row.provider)
    if (provider === undefined) return new OpenFault(row, new AppError('provider_unsupported'))
    const place = { companyId, secretId: row.place_id, versionId: row.version_id }
    const stored = storedVersionOf(row)
    if (!isSealedHere(row)) return new ToFetch(row, { provider, place, stored })
    const opened = provider.readVersion(place, stored)
    if (!(opened instanceof Promise)) return [revealed(row, opened)]
    return opened.then(
      (value) => [revealed(row, value)],
      (error: unknown) => faultOf(row, error)
    )
  } catch (error) {
    return faultOf(row, error)
  }
}

/** Takes what was fetched for a row. The bytes are overwritten. */
export function openFetched({ row }: ToFetch, outcome: Buffer | Error): RevealedVariable[] | OpenFault {
  if (outcome instanceof Error) return faultOf(row, outcome)
  const variable = revealed(row, outcome)
  outcome.fill(0)
  return [variable]
}

function revealed(row: ResolveRow, value: Buffer): RevealedVariable {
  return { name: row.config_path.slice(4), target: row.target_type, value: value.toString(), secret: row }
}

function faultOf(row: ResolveRow, error: unknown): OpenFault {
  return new OpenFault(row, problemOfError(error) ?? new AppError('internal_error', { cause: error }))
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
