import {
  type EnvironmentEntryView,
  type EnvironmentView,
  environmentPointer,
  isSensitive,
  newId,
  type ProblemEntry,
  type PutEnvironment,
  plainValuesFault,
  redactionPlaceholder
} from '@paperclip/contracts'
import { type Db, type Tx, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import { listBindings, type Reference, replaceBindings, type Target } from '../binding/binding-store.js'
import type { CompanyKey } from '../crypto/company-key.js'
import { IntegrityError } from '../crypto/crypto-error.js'
import type { SecretsDatabase } from '../database.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import { claimNonce } from '../nonce/nonce-store.js'
import type { OwnCredentials } from '../secret/own-credentials.js'
import { type ParsedEnvironment, parseEnvironment } from './environment-input.js'
import {
  type EnvironmentRow,
  findEnvironment,
  lockEnvironment,
  lockReferencedSecrets,
  updateEnvironment
} from './environment-store.js'
import { openPlainValues, sealPlainValues } from './sealed-plain.js'

const attemptsMax = 3

/** The rules of environments. */
export interface EnvironmentService {
  get(target: Target): Promise<EnvironmentView>
  /** Replaces everything or nothing. Throws `env_invalid` with one entry a faulty path. */
  put(caller: Caller, target: Target, input: PutEnvironment): Promise<EnvironmentView>
}

/** Makes the service. In strict mode sensitive plain values are refused. */
export function createEnvironmentService({
  db,
  companyKeys,
  ownCredentials,
  strictMode
}: {
  db: Db<SecretsDatabase>
  companyKeys: CompanyKeyring
  ownCredentials: Pick<OwnCredentials, 'isIn'>
  strictMode: boolean
}): EnvironmentService {
  return {
    async get(target) {
      const [row, references] = await transaction(
        db,
        async (tx) => [await findEnvironment(tx, target), await listBindings(tx, target)] as const,
        { attemptsMax, isolationLevel: 'repeatable read' }
      )
      if (row === undefined) return { env: {} }
      // Of what was stored by an earlier version, the matcher may think otherwise by now.
      const stored = new Map<string, string>(Object.entries(JSON.parse(row.plain)))
      return viewOf(row.names, sortedBySensitivity(stored).plain, references)
    },

    async put(caller, target, input) {
      const parsed = parseEnvironment(input.env, { strictMode })
      for (const [name, value] of parsed.plain)
        if (ownCredentials.isIn(value)) parsed.faults.push(ownCredentialFault(name))
      const companyKey = await companyKeys.forSealing(target.companyId)
      return transaction(
        db,
        async (tx) => {
          await claimNonce(tx, caller)
          return replace(tx, { caller, target, parsed, companyKey })
        },
        { attemptsMax }
      )
    }
  }
}

interface Replacement {
  caller: Caller
  target: Target
  parsed: ParsedEnvironment
  companyKey: CompanyKey
}

async function replace(
  tx: Tx<SecretsDatabase>,
  { caller, target, parsed, companyKey }: Replacement
): Promise<EnvironmentView> {
  const { names } = parsed
  const faults = [...parsed.faults]
  const stored = await lockEnvironment(tx, target)
  const former = openFormer(stored, { parsed, companyKey, target })
  const values = new Map(parsed.plain)
  for (const name of parsed.kept) {
    const value = former.get(name)
    if (value === undefined) faults.push(placeholderFault(name))
    else values.set(name, value)
  }
  // Those kept by their placeholder included.
  const tooLarge = plainValuesFault(values.values())
  if (tooLarge !== undefined) faults.push({ pointer: '/env', ...tooLarge })
  const references = await findReferences(tx, target.companyId, parsed, faults)
  if (faults.length > 0)
    throw new AppError('env_invalid', {
      detail: `${faults.length} ${faults.length === 1 ? 'entry is' : 'entries are'} not valid; nothing was saved.`,
      errors: faults
    })
  const { plain, sensitive } = sortedBySensitivity(values)
  const revision_id = newId()
  await updateEnvironment(tx, target, {
    revision_id,
    names,
    plain: JSON.stringify(Object.fromEntries(plain)),
    sealed: sealPlainValues(sensitive, { companyKey, target, revisionId: revision_id })
  })
  await replaceBindings(tx, target, references)
  await insertActivity(tx, caller, {
    companyId: target.companyId,
    action: 'env.updated',
    entityType: target.targetType,
    entityId: target.targetId,
    metadata: { entries: names.length, references: references.length }
  })
  return viewOf(names, plain, references)
}

function sortedBySensitivity(values: ReadonlyMap<string, string>) {
  const [plain, sensitive] = [new Map<string, string>(), new Map<string, string>()]
  for (const [name, value] of values) (isSensitive(name, value) ? sensitive : plain).set(name, value)
  return { plain, sensitive }
}

/** Opens what was stored only when some of it is kept: an environment that no longer verifies can then be replaced. */
function openFormer(
  stored: EnvironmentRow,
  { parsed, ...place }: Omit<Replacement, 'caller'>
): ReadonlyMap<string, string> {
  if (parsed.kept.length === 0) return new Map()
  try {
    return openPlainValues(stored, place)
  } catch (cause) {
    if (!(cause instanceof IntegrityError)) throw cause
    throw new AppError('integrity_failure', {
      detail: 'The stored values cannot be opened, so none can be kept. Send every value anew.',
      cause
    })
  }
}

async function findReferences(
  tx: Tx<SecretsDatabase>,
  companyId: string,
  { references }: ParsedEnvironment,
  faults: ProblemEntry[]
): Promise<Reference[]> {
  if (references.length === 0) return []
  const secrets = await lockReferencedSecrets(tx, companyId, {
    ids: references.flatMap(({ by }) => ('id' in by ? [by.id] : [])),
    keys: references.flatMap(({ by }) => ('key' in by ? [by.key] : []))
  })
  const byId = new Map(secrets.map((secret) => [secret.id, secret]))
  const byKey = new Map(secrets.map((secret) => [secret.key, secret]))
  return references.flatMap(({ name, by, version }) => {
    const secret = 'id' in by ? byId.get(by.id) : byKey.get(by.key)
    if (secret === undefined) {
      // The same words for unknown, deleted and another company's.
      faults.push({
        pointer: environmentPointer(name),
        code: 'secret_not_found',
        message: 'no such secret in this company'
      })
      return []
    }
    if (version !== null && !secret.versions.includes(version)) {
      faults.push({
        pointer: environmentPointer(name),
        code: 'version_missing',
        message: `the secret has no version ${version}`
      })
      return []
    }
    return [{ name, secretId: secret.id, version }]
  })
}

/** Inline or not: agents are not given what the deployment runs with. */
function ownCredentialFault(name: string): ProblemEntry {
  return {
    pointer: environmentPointer(name),
    code: 'infra_secret',
    message: 'this is a credential that the deployment itself runs with: give agents one of their own'
  }
}

function placeholderFault(name: string): ProblemEntry {
  return {
    pointer: environmentPointer(name),
    code: 'placeholder_unknown',
    message: 'this is the placeholder of a hidden value, and no value is stored under this name'
  }
}

function viewOf(
  names: readonly string[],
  plain: ReadonlyMap<string, string>,
  references: readonly Reference[]
): EnvironmentView {
  const byName = new Map(references.map((reference) => [reference.name, reference]))
  const env: [string, EnvironmentEntryView][] = names.map((name) => {
    const reference = byName.get(name)
    if (reference !== undefined)
      return [
        name,
        { type: 'secret_ref', secretId: reference.secretId, version: reference.version ?? 'latest' }
      ]
    return [name, { type: 'plain', value: plain.get(name) ?? redactionPlaceholder }]
  })
  return { env: Object.fromEntries(env) }
}
