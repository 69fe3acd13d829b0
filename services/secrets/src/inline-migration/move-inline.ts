import { newId } from '@paperclip/contracts'
import type { Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { type Activity, activityAuthorOf, insertActivitiesOf } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import { insertBindings, type Target } from '../binding/binding-store.js'
import type { CompanyKey } from '../crypto/company-key.js'
import type { SecretsDatabase } from '../database.js'
import { type EnvironmentRow, updateEnvironment } from '../environment/environment-store.js'
import { openPlainValues, sealPlainValues } from '../environment/sealed-plain.js'
import { sealValue } from '../provider/local-encrypted.js'
import { insertFirstVersions, insertNewSecrets } from '../remote-import/remote-import-store.js'
import { authorOf } from '../secret/secret-change.js'
import { lockPresentEnvironment } from './inline-migration-store.js'
import { type SplitValues, splitValues } from './inline-values.js'
import { nameSecret, type SecretNaming } from './secret-naming.js'

/** A value that lies in a secret now. */
export interface MovedValue {
  readonly name: string
  readonly secretId: string
  readonly key: string
}

interface Move {
  readonly caller: Caller
  readonly target: Target
  readonly companyKey: CompanyKey
}

/** The first round takes the plain name, later ones a random one: a third has never been needed. */
const roundsMax = 3

/**
 * Moves every inline sensitive value of one environment into secrets of their own and refers to them, under the lock
 * of the environment: whoever writes it at the same time comes wholly before or wholly after. What was locked is what
 * counts, so an environment that is done, or has gone, gives nothing. Throws IntegrityError.
 */
export async function moveInline(tx: Tx<SecretsDatabase>, move: Move): Promise<MovedValue[]> {
  const { caller, target, companyKey } = move
  const row = await lockPresentEnvironment(tx, target)
  if (row === undefined) return []
  const split = splitValues(row, openPlainValues(row, { companyKey, target }))
  if (split.inline.size === 0) return []
  const moved = await makeSecrets(tx, move, split.inline)
  await keepTheRest(tx, { row, split, ...move })
  await insertBindings(
    tx,
    target,
    moved.map(({ name, secretId }) => ({ name, secretId, version: null }))
  )
  await insertActivitiesOf(tx, activityAuthorOf(caller), activitiesOf(target, { row, moved }))
  return moved
}

/** Makes a secret of each value. Names are tried, not looked up: of two that want one, the database decides. */
async function makeSecrets(
  tx: Tx<SecretsDatabase>,
  move: Move,
  values: ReadonlyMap<string, string>
): Promise<MovedValue[]> {
  const moved: MovedValue[] = []
  let waiting = [...values]
  for (let round = 0; waiting.length > 0; round++) {
    if (round === roundsMax)
      throw new AppError('state_conflict', {
        detail: 'Names are taken faster than they are found. Try again.'
      })
    const planned = waiting.map(([name, value]) => planSecret(move.target, { name, value, round }))
    const added = await addSecrets(tx, move, planned)
    for (const { name, secretId, naming } of planned)
      if (added.has(secretId)) moved.push({ name, secretId, key: naming.key })
    const left = new Set(planned.filter(({ secretId }) => !added.has(secretId)).map(({ name }) => name))
    waiting = waiting.filter(([name]) => left.has(name))
  }
  return moved
}

interface PlannedSecret {
  readonly name: string
  readonly value: string
  readonly secretId: string
  readonly naming: SecretNaming
}

function planSecret(
  target: Target,
  { name, value, round }: { name: string; value: string; round: number }
): PlannedSecret {
  const secretId = newId()
  const naming = nameSecret(target, { variable: name, suffixId: round === 0 ? null : secretId })
  return { name, value, secretId, naming }
}

/** Adds those whose name and key are free, each with its first version; gives their ids. */
async function addSecrets(
  tx: Tx<SecretsDatabase>,
  { caller, target: { companyId }, companyKey }: Move,
  planned: readonly PlannedSecret[]
): Promise<ReadonlySet<string>> {
  const author = authorOf(caller)
  const added = await insertNewSecrets(
    tx,
    planned.map(({ secretId, naming }) => ({
      id: secretId,
      company_id: companyId,
      ...naming,
      provider: 'local_encrypted',
      status: 'active',
      managed_mode: 'paperclip_managed',
      latest_version: 1,
      ...author
    }))
  )
  await insertFirstVersions(
    tx,
    planned
      .filter(({ secretId }) => added.has(secretId))
      .map(({ secretId, value }) => {
        const id = newId()
        const stored = sealValue(Buffer.from(value), { companyKey, secretId, versionId: id })
        return {
          id,
          company_id: companyId,
          secret_id: secretId,
          version: 1,
          status: 'current',
          sealed: stored.sealed,
          fingerprint: null,
          external_ref: stored.externalRef,
          provider_version_ref: stored.providerVersionRef,
          provider_config_id: null,
          ...author
        }
      })
  )
  return added
}

/** Writes what stays: the names as they were, since each still has its entry, and the other plain values. */
async function keepTheRest(
  tx: Tx<SecretsDatabase>,
  { row, split, target, companyKey }: Move & { row: EnvironmentRow; split: SplitValues }
): Promise<void> {
  const revisionId = newId()
  await updateEnvironment(tx, target, {
    revision_id: revisionId,
    names: row.names,
    plain: JSON.stringify(Object.fromEntries(split.plain)),
    sealed: sealPlainValues(split.sealed, { companyKey, target, revisionId })
  })
}

function activitiesOf(
  { companyId, targetType, targetId }: Target,
  { row, moved }: { row: EnvironmentRow; moved: readonly MovedValue[] }
): Activity[] {
  const created = moved.map(({ secretId, key }) => ({
    companyId,
    action: 'secret.created',
    entityType: 'secret',
    entityId: secretId,
    metadata: { key, provider: 'local_encrypted', cause: 'inline_migration' }
  }))
  const metadata = { entries: row.names.length, moved: moved.length, cause: 'inline_migration' }
  return [
    ...created,
    { companyId, action: 'env.updated', entityType: targetType, entityId: targetId, metadata }
  ]
}
