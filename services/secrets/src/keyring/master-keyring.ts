import type { KeyObject } from 'node:crypto'
import { type Db, transaction } from '@paperclip/db'
import { deriveKek, type Kek, PBKDF2_ITERATIONS_MIN } from '../crypto/master-key.js'
import { randomSalt, systemRandomBytes } from '../crypto/random-bytes.js'
import type { SecretsDatabase } from '../database.js'
import { insertMasterKey, listMasterKeys, listMasterKeysInUse, lockMasterKeys } from './keyring-store.js'

/** A start that cannot go on, because what is stored needs a key that was not given. */
export class MissingMasterKeyError extends Error {
  override readonly name = 'MissingMasterKeyError'
}

/** The key-encryption keys this process holds, by id, and the one that wraps. */
export interface MasterKeyring {
  readonly active: Kek
  find(masterKeyId: string): Kek | undefined
}

/** A configured key and where it came from, for messages. */
export interface ConfiguredMasterKey {
  readonly key: KeyObject
  readonly source: string
}

/**
 * Matches the configured master keys with those the database knows, deriving each once (PBKDF2, some tenths of a
 * second, on the thread pool).
 *
 * A key is activated by itself only where nothing is wrapped yet. Throws {@link MissingMasterKeyError}, and writes
 * nothing, when stored company keys need a master key that is not configured.
 */
export async function openMasterKeyring(
  db: Db<SecretsDatabase>,
  configured: readonly ConfiguredMasterKey[]
): Promise<MasterKeyring> {
  const fresh = await freshParameters(configured)
  return transaction(
    db,
    async (tx) => {
      const known = await listMasterKeys(tx)
      const keks = await matchingKeks(known, configured)
      const inUse = await listMasterKeysInUse(tx)
      const missing = inUse.filter((id) => !keks.has(id))
      if (missing.length > 0) throw await missingKeyError(missing, known, configured)
      const active = known.map((row) => keks.get(row.id)).find((kek) => kek !== undefined)
      if (active !== undefined) return keyringOf(keks, active)
      await lockMasterKeys(tx)
      if ((await listMasterKeys(tx)).length > known.length) throw new RacedError()
      await insertMasterKey(tx, { id: fresh.kek.id, salt: fresh.salt, iterations: PBKDF2_ITERATIONS_MIN })
      return keyringOf(keks.set(fresh.kek.id, fresh.kek), fresh.kek)
    },
    { attemptsMax: 3 }
  ).catch((error: unknown) => {
    // Another process of this service made its row first: the second look finds that one.
    if (error instanceof RacedError) return openMasterKeyring(db, configured)
    throw error
  })
}

class RacedError extends Error {}

async function freshParameters(
  configured: readonly ConfiguredMasterKey[]
): Promise<{ kek: Kek; salt: Buffer }> {
  const [first] = configured
  if (first === undefined) throw new TypeError('no master key is configured')
  const salt = randomSalt(systemRandomBytes)
  return { salt, kek: await deriveKek(first.key, { salt, iterations: PBKDF2_ITERATIONS_MIN }) }
}

async function matchingKeks(
  known: readonly { id: string; salt: Buffer; iterations: number }[],
  configured: readonly ConfiguredMasterKey[]
): Promise<Map<string, Kek>> {
  const derived = await Promise.all(
    known.flatMap((row) => configured.map(async ({ key }) => ({ row, kek: await deriveKek(key, row) })))
  )
  return new Map(derived.filter(({ row, kek }) => row.id === kek.id).map(({ row, kek }) => [row.id, kek]))
}

/** Names the keys by ids derived under the same salt, so that they can be compared without telling anything else. */
async function missingKeyError(
  missing: readonly string[],
  known: readonly { id: string; salt: Buffer; iterations: number }[],
  configured: readonly ConfiguredMasterKey[]
): Promise<MissingMasterKeyError> {
  const row = known.find(({ id }) => id === missing[0])
  const given =
    row === undefined
      ? []
      : await Promise.all(
          configured.map(async ({ key, source }) => `${source} gives ${(await deriveKek(key, row)).id}`)
        )
  return new MissingMasterKeyError(
    `stored secrets need master key ${missing.join(', ')}, which is not configured (${given.join('; ')}). ` +
      'Put the former key back, or restore it from a backup; no key was created and nothing was written.'
  )
}

function keyringOf(keks: ReadonlyMap<string, Kek>, active: Kek): MasterKeyring {
  return { active, find: (id) => keks.get(id) }
}
