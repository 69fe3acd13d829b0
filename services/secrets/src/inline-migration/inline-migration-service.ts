import {
  type InlineMigrationReport,
  type InlineValue,
  limits,
  type UnmovedEnvironment
} from '@paperclip/contracts'
import { type Db, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Caller } from '../auth/caller.js'
import type { Target } from '../binding/binding-store.js'
import { IntegrityError } from '../crypto/crypto-error.js'
import { parseEnvelope } from '../crypto/envelope-format.js'
import type { SecretsDatabase } from '../database.js'
import { openPlainValues } from '../environment/sealed-plain.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import { claimNonce } from '../nonce/nonce-store.js'
import type { OwnCredentials } from '../secret/own-credentials.js'
import {
  countEnvironmentsAfter,
  type EnvironmentPosition,
  listEnvironmentsAfter,
  type PlacedEnvironment
} from './inline-migration-store.js'
import { splitValues } from './inline-values.js'
import { moveInline } from './move-inline.js'

/** A part of the migration, and where the next one goes on; null when it was the last. */
export interface MigrationPart {
  readonly report: Omit<InlineMigrationReport, 'nextCursor'>
  readonly next: EnvironmentPosition | null
}

/** What to do, and where to go on. */
export interface MigrationRequest {
  readonly apply: boolean
  readonly after: EnvironmentPosition | null
}

/** Makes secrets of what lies inline. */
export interface InlineMigrationService {
  /**
   * Walks environments until a bound is reached. With `apply` each is moved in a transaction of its own: cut off at any
   * point, every environment is done or untouched, and going on, or starting again, does what is left. One that does
   * not verify, or holds a credential of the deployment's own, is reported, and the others are done.
   */
  migrate(caller: Caller, companyId: string, request: MigrationRequest): Promise<MigrationPart>
}

/** Environments read at once: their plain values may have 256 KiB each. */
const chunkRows = 20
/** After this no other environment is begun: well before the gateway gives up. */
const workMsMax = 3_000
/** Lost races (a deadlock, a serialisation failure) are run again from the start this often. */
const attemptsMax = 3

interface Deps {
  db: Db<SecretsDatabase>
  companyKeys: CompanyKeyring
  ownCredentials: Pick<OwnCredentials, 'refuse'>
  /** A clock that never goes back. */
  monotonicMs: () => number
}

/** Makes the service. */
export function createInlineMigrationService(deps: Deps): InlineMigrationService {
  const { db, monotonicMs } = deps
  return {
    async migrate(caller, companyId, { apply, after }) {
      // Before any effect, and alone: the effects of one request are several transactions.
      await transaction(db, (tx) => claimNonce(tx, caller), { attemptsMax })
      const deadlineMs = monotonicMs() + workMsMax
      const entries: InlineValue[] = []
      const failures: UnmovedEnvironment[] = []
      let targets = 0
      let position = after
      let looked = 0
      const isFull = () =>
        looked >= limits.inlineTargetsMax ||
        entries.length >= limits.inlineValuesMax ||
        monotonicMs() >= deadlineMs
      for await (const row of environmentsAfter(db, companyId, after)) {
        if (looked > 0 && isFull()) break
        looked++
        position = { targetType: row.target_type, targetId: row.target_id }
        const target = { companyId, ...position }
        try {
          const found = await treat(deps, { caller, target, row, apply })
          entries.push(...found)
          if (found.length > 0) targets++
        } catch (error) {
          const code = error instanceof IntegrityError || error instanceof AppError ? error.code : null
          if (code !== 'integrity_failure' && code !== 'infra_secret') throw error
          failures.push({ ...position, code })
        }
      }
      const remaining = await countEnvironmentsAfter(db, companyId, position)
      const report = { applied: apply, targets, values: entries.length, entries, failures, remaining }
      return { report, next: remaining === 0 ? null : position }
    }
  }
}

async function* environmentsAfter(
  db: Db<SecretsDatabase>,
  companyId: string,
  start: EnvironmentPosition | null
): AsyncGenerator<PlacedEnvironment, void> {
  for (let after = start; ; ) {
    const rows = await listEnvironmentsAfter(db, companyId, { after, rowsMax: chunkRows })
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < chunkRows) return
    after = { targetType: last.target_type, targetId: last.target_id }
  }
}

interface Treatment {
  caller: Caller
  target: Target
  row: PlacedEnvironment
  apply: boolean
}

/** Looks without a lock first, so that what has nothing inline is not written; what is moved is decided under it. */
async function treat(
  { db, companyKeys, ownCredentials }: Deps,
  { caller, target, row, apply }: Treatment
): Promise<InlineValue[]> {
  const { companyId, targetType, targetId } = target
  const { inline } = splitValues(row, await lookInto(companyKeys, target, row))
  if (inline.size === 0) return []
  for (const value of inline.values()) ownCredentials.refuse(value)
  if (!apply)
    return [...inline.keys()].map((name) => ({ targetType, targetId, name, secretId: null, secretKey: null }))
  const companyKey = await companyKeys.forSealing(companyId)
  const moved = await transaction(db, (tx) => moveInline(tx, { caller, target, companyKey }), { attemptsMax })
  return moved.map(({ name, secretId, key }) => ({ targetType, targetId, name, secretId, secretKey: key }))
}

/** Opens plain values with the key they were sealed with: a plan makes no key of a company that has none. */
async function lookInto(
  companyKeys: CompanyKeyring,
  target: Target,
  row: PlacedEnvironment
): Promise<ReadonlyMap<string, string>> {
  if (row.sealed === null) return new Map(Object.entries<string>(JSON.parse(row.plain)))
  const { companyKeyId } = parseEnvelope(row.sealed)
  return openPlainValues(row, {
    companyKey: await companyKeys.forOpening(target.companyId, companyKeyId),
    target
  })
}
