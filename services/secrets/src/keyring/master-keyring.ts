import type { KeyObject } from 'node:crypto'
import { type Db, type Tx, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { deriveKek, type Kek, PBKDF2_ITERATIONS_MIN } from '../crypto/master-key.js'
import { type RandomBytes, randomSalt, systemRandomBytes } from '../crypto/random-bytes.js'
import type { SecretsDatabase } from '../database.js'
import {
  activateMasterKey,
  activeKeyOf,
  insertMasterKey,
  listMasterKeys,
  listMasterKeysInUse,
  lockMasterKeys,
  type MasterKeyRow
} from './keyring-store.js'
import { listLiveHolders, type ProcessIdentity, upsertHolder } from './master-key-holder-store.js'
import { type MatchedKeys, matchKeys, missingKeyError } from './match-master-keys.js'

/** A configured key, the variable it came by, for messages, and the file or variable that others are told. */
export interface ConfiguredMasterKey {
  readonly key: KeyObject
  readonly source: string
  readonly label: string
}

/** A key that a process has, and where it was read from. */
export interface HeldKey {
  readonly id: string
  readonly source: string
}

/** The key-encryption keys this process holds. Which of them wraps is asked of the database each time. */
export interface MasterKeyring {
  readonly process: ProcessIdentity
  readonly held: readonly HeldKey[]
  /** Configured, but retired: they open nothing. */
  readonly retired: readonly HeldKey[]
  find(masterKeyId: string): Kek | undefined
}

/** How KEKs are made: {@link pbkdf2}, except that most tests remember what they have derived. */
export interface KekMaking {
  readonly derive: typeof deriveKek
  readonly randomBytes: RandomBytes
}

/** Salts of the operating system's generator, and a derivation for each start. */
export const pbkdf2: KekMaking = { derive: deriveKek, randomBytes: systemRandomBytes }

/** A start that loses against the starts of others looks again this often. */
const looksMax = 5

/**
 * Matches the configured master keys with those the database knows, deriving each once (PBKDF2, some tenths of a
 * second, on the thread pool), and announces this process as one that holds them.
 *
 * A key that the database does not know is registered there and waits: it wraps nothing until a rotation activates
 * it. Only where nothing is wrapped yet, and nobody else uses another, the first one configured is activated here.
 * Throws {@link MissingMasterKeyError}, and writes nothing, when a master key is needed that is not configured.
 */
export async function openMasterKeyring(
  db: Db<SecretsDatabase>,
  configured: readonly ConfiguredMasterKey[],
  process: ProcessIdentity,
  making: KekMaking = pbkdf2
): Promise<MasterKeyring> {
  for (let look = 1; look <= looksMax; look += 1) {
    const known = await listMasterKeys(db)
    const matched = await matchKeys(known, configured, making.derive)
    const early = await missingOf(db, matched, { known, process })
    if (early.length > 0) throw await missingKeyError(early, known, configured, making.derive)
    const fresh = await Promise.all(matched.unknown.map((config) => registrationOf(config, making)))
    const opened = await transaction(db, (tx) => register(tx, { known, matched, fresh, process }), {
      attemptsMax: 3
    })
    if (opened !== null) return opened
  }
  throw new Error('the master keys kept changing while this process started')
}

/** The key that `masterKeyId` names. Throws `master_key_unavailable` when this process does not hold it. */
export function getKek(masterKeys: Pick<MasterKeyring, 'find'>, masterKeyId: string | undefined): Kek {
  const kek = masterKeyId === undefined ? undefined : masterKeys.find(masterKeyId)
  if (kek === undefined)
    throw new AppError('master_key_unavailable', { context: { masterKeyId: masterKeyId ?? null } })
  return kek
}

interface Registration {
  readonly kek: Kek
  readonly salt: Buffer
  readonly label: string
}

async function registrationOf(
  { key, label }: ConfiguredMasterKey,
  { derive, randomBytes }: KekMaking
): Promise<Registration> {
  const salt = randomSalt(randomBytes)
  return { salt, label, kek: await derive(key, { salt, iterations: PBKDF2_ITERATIONS_MIN }) }
}

interface Start {
  readonly known: readonly MasterKeyRow[]
  readonly matched: MatchedKeys
  readonly fresh: readonly Registration[]
  readonly process: ProcessIdentity
}

/** Null when what was derived is of rows that have changed since: others start or rotate at the same time. */
async function register(tx: Tx<SecretsDatabase>, start: Start): Promise<MasterKeyring | null> {
  const { known, matched, fresh, process } = start
  await lockMasterKeys(tx, 'to change')
  const now = await listMasterKeys(tx)
  if (stateOf(now) !== stateOf(known)) return null
  if ((await missingOf(tx, matched, start)).length > 0) return null
  for (const { kek, salt } of fresh)
    await insertMasterKey(tx, { id: kek.id, salt, iterations: PBKDF2_ITERATIONS_MIN })
  const keks = new Map(matched.keks)
  const held = [...matched.held]
  for (const { kek, label } of fresh) {
    keks.set(kek.id, kek)
    held.push({ id: kek.id, source: label })
  }
  const active = activeKeyOf(now)
  if (active === undefined || !keks.has(active.id)) {
    const first = matched.firstId ?? fresh[0]?.kek.id
    if (first !== undefined) await activateMasterKey(tx, first)
  }
  await upsertHolder(tx, { ...process, keys: held })
  return { process, held, retired: matched.retired, find: (id) => keks.get(id) }
}

/**
 * The keys that are needed and not configured: those that wrap something, and the active one, unless nothing is
 * wrapped and no other process lives by it.
 */
async function missingOf(
  db: Db<SecretsDatabase>,
  { keks, firstId, unknown }: MatchedKeys,
  { known, process }: Pick<Start, 'known' | 'process'>
): Promise<string[]> {
  const inUse = await listMasterKeysInUse(db)
  const active = activeKeyOf(known)
  if (active === undefined || keks.has(active.id)) return inUse.filter((id) => !keks.has(id))
  const others = (await listLiveHolders(db)).filter(({ process_id }) => process_id !== process.id)
  const isLivedBy = others.some(({ keys }) => keys.some(({ id }) => id === active.id))
  const hasOther = firstId !== null || unknown.length > 0
  const needed =
    inUse.length > 0 || isLivedBy || !hasOther ? new Set([...inUse, active.id]) : new Set<string>()
  return [...needed].filter((id) => !keks.has(id))
}

function stateOf(keys: readonly MasterKeyRow[]): string {
  return JSON.stringify(keys.map(({ id, activated_at, retired_at }) => [id, activated_at, retired_at]))
}
