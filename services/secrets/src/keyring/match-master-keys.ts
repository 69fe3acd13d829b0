import { deriveKek, type Kek } from '../crypto/master-key.js'
import type { MasterKeyRow } from './keyring-store.js'
import type { ConfiguredMasterKey, HeldKey } from './master-keyring.js'

/** A start that cannot go on, because what is stored needs a key that was not given. */
export class MissingMasterKeyError extends Error {
  override readonly name = 'MissingMasterKeyError'
}

/** What the configured keys turned out to be. */
export interface MatchedKeys {
  readonly keks: ReadonlyMap<string, Kek>
  readonly held: readonly HeldKey[]
  readonly retired: readonly HeldKey[]
  /** Those that the database does not know yet. */
  readonly unknown: readonly ConfiguredMasterKey[]
  /** The id of the first one configured; null while the database does not know it, or when it is retired. */
  readonly firstId: string | null
}

/** Derives each configured key under the stored salts; equal ids mean equal keys. */
export async function matchKeys(
  known: readonly MasterKeyRow[],
  configured: readonly ConfiguredMasterKey[],
  derive = deriveKek
): Promise<MatchedKeys> {
  if (configured.length === 0) throw new TypeError('no master key is configured')
  const different = configured.filter(
    ({ key }, index) => configured.findIndex((other) => other.key.equals(key)) === index
  )
  const matches = await Promise.all(
    different.map(async (config) => ({ config, found: await findRow(known, config, derive) }))
  )
  const keks = new Map<string, Kek>()
  const held: HeldKey[] = []
  const retired: HeldKey[] = []
  for (const { config, found } of matches) {
    if (found === undefined) continue
    const { row, kek } = found
    const named = { id: row.id, source: config.label }
    if (row.retired_at !== null) retired.push(named)
    else {
      keks.set(row.id, kek)
      held.push(named)
    }
  }
  const first = matches[0]?.found?.row
  return {
    keks,
    held,
    retired,
    unknown: matches.filter(({ found }) => found === undefined).map(({ config }) => config),
    firstId: first?.retired_at === null ? first.id : null
  }
}

/** The one row that knows the key: a key is registered once. The newest go first, so that retired ones cost nothing. */
async function findRow(
  known: readonly MasterKeyRow[],
  { key }: ConfiguredMasterKey,
  derive: typeof deriveKek
) {
  for (const row of known) {
    const kek = await derive(key, row)
    if (kek.id === row.id) return { row, kek }
  }
  return undefined
}

/** Names the keys by ids derived under the same salt, so that they can be compared without telling anything else. */
export async function missingKeyError(
  missing: readonly string[],
  known: readonly MasterKeyRow[],
  configured: readonly ConfiguredMasterKey[],
  derive = deriveKek
): Promise<MissingMasterKeyError> {
  const row = known.find(({ id }) => id === missing[0])
  const given =
    row === undefined
      ? []
      : await Promise.all(
          configured.map(async ({ key, source }) => `${source} gives ${(await derive(key, row)).id}`)
        )
  if (row !== undefined && row.retired_at !== null)
    return new MissingMasterKeyError(
      `stored secrets are wrapped by master key ${row.id}, which is retired and opens nothing: ` +
        'restore the database as a whole, from one moment. Nothing was written.'
    )
  return new MissingMasterKeyError(
    `stored secrets need master key ${missing.join(', ')}, which is not configured (${given.join('; ')}). ` +
      'Put the former key back, or restore it from a backup; no key was created and nothing was written.'
  )
}
