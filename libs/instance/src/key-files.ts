import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { InstanceError, systemCode } from './instance-error.js'
import { parseInternalKeys } from './internal-key-list.js'
import { readJsonObject, toJsonText } from './json-file.js'
import type { InstancePaths } from './paths.js'
import { createPrivateFile, makePrivateDir } from './private-file.js'

/** Of every key and secret made here: 256 bits. */
const keyBytes = 32
const keyIdBytes = 6

/** Makes the id of a new key: the caller's name and 12 random hexadecimal digits. */
export function makeKeyId(caller: string): string {
  return `${caller}-${randomBytes(keyIdBytes).toString('hex')}`
}

/** A caller of the secrets service, as the verifier lists it. `secret` is base64url of 32 bytes. */
export interface InternalKey {
  readonly id: string
  readonly caller: string
  readonly secret: string
  readonly scopes: readonly string[]
  /** Null: all of them. */
  readonly companies: readonly string[] | null
  /** ISO 8601; null: for ever. */
  readonly notAfter: string | null
}

/** Makes a random secret of 256 bits as base64url, 43 characters. */
export function makeSecret(): string {
  return randomBytes(keyBytes).toString('base64url')
}

/**
 * Creates the master key file unless it exists; true when it was created.
 *
 * The caller must know that the database holds nothing sealed under another key: a new key next to old
 * ciphertext would hide that the right one is lost.
 */
export async function createMasterKey(paths: InstancePaths): Promise<boolean> {
  return await createKeyFile(paths, paths.masterKey)
}

const masterKeyName = /^master(?:-([2-9]|[1-9]\d{1,3}))?\.key$/

/**
 * Finds the master key files of an instance, the newest first: `master.key`, then `master-2.key` and so on, one for
 * each rotation. An instance without its folder has none.
 */
export function findMasterKeyFiles({ secretsDir }: InstancePaths): string[] {
  return numberedFiles(secretsDir).map(({ path }) => path)
}

/**
 * Creates the master key that a rotation is to activate, in a file of its own beside the others, which stay as they
 * are. Returns its path, or null when another process has just made it.
 */
export async function createNextMasterKey(paths: InstancePaths): Promise<string | null> {
  const next = (numberedFiles(paths.secretsDir)[0]?.number ?? 1) + 1
  const path = join(paths.secretsDir, `master-${next}.key`)
  return (await createKeyFile(paths, path)) ? path : null
}

function numberedFiles(folder: string): { number: number; path: string }[] {
  return namesIn(folder)
    .flatMap((name) => {
      const found = masterKeyName.exec(name)
      return found === null ? [] : [{ number: Number(found[1] ?? 1), path: join(folder, name) }]
    })
    .sort((left, right) => right.number - left.number)
}

/** Only a definite absence counts: a folder that cannot be seen may hold keys. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Creates the key that the audit log is sealed with, unless it exists; true when it was created. */
export async function createAuditKey(paths: InstancePaths): Promise<boolean> {
  return await createKeyFile(paths, paths.auditKey)
}

async function createKeyFile(paths: InstancePaths, path: string): Promise<boolean> {
  await makePrivateDir(paths.secretsDir)
  return await createPrivateFile(path, `${randomBytes(keyBytes).toString('base64')}\n`)
}

/**
 * Creates the gateway's signing key and the list the secrets service verifies with; returns what was created.
 *
 * If one of the two exists, the other is made to match it. Processes doing this at once agree, because the
 * one that loses the first file reads the winner's before it makes the second.
 */
export async function createInternalKeys(paths: InstancePaths): Promise<string[]> {
  await requireMatchingKeys(paths)
  await makePrivateDir(paths.secretsDir)
  const created: string[] = []
  const listed = await findGatewayEntry(paths)
  const mine = listed ?? { id: makeKeyId('gateway'), secret: makeSecret() }
  const { id, secret } = mine
  if (await createPrivateFile(paths.gatewayKey, toJsonText({ id, secret }))) created.push(paths.gatewayKey)
  const signer = await readGatewayKey(paths)
  const entry: InternalKey = {
    ...{ id: signer.id, caller: 'gateway', secret: signer.secret },
    ...{ scopes: ['activity:write'], companies: null, notAfter: null }
  }
  if (await createPrivateFile(paths.internalKeys, toJsonText({ keys: [entry] })))
    created.push(paths.internalKeys)
  await requireMatchingKeys(paths)
  return created
}

/**
 * Throws {@link InstanceError} where the gateway's key and the list that should have it do not go together, so that a
 * lost one of the two cannot be made to match the other. Changes nothing.
 */
export async function requireMatchingKeys(paths: InstancePaths): Promise<void> {
  const { gatewayKey, internalKeys } = paths
  const found = await readJsonObject(gatewayKey)
  const signer = found === undefined ? undefined : keyOf(paths, found)
  if ((await readJsonObject(internalKeys)) === undefined) return
  if (signer === undefined) {
    if ((await findGatewayEntry(paths)) !== undefined) return
    throw new InstanceError(
      `There is no ${gatewayKey}, and ${internalKeys} lists no key of the gateway: restore both from one backup.`
    )
  }
  const verifier = (await listKeys(paths)).find((key) => key.id === signer.id)
  if (verifier?.secret !== signer.secret)
    throw new InstanceError(
      `The key in ${gatewayKey} is not listed in ${internalKeys}: restore both from one backup.`
    )
}

async function readGatewayKey(paths: InstancePaths): Promise<{ id: string; secret: string }> {
  return keyOf(paths, (await readJsonObject(paths.gatewayKey)) ?? {})
}

function keyOf(
  paths: InstancePaths,
  { id, secret }: Record<string, unknown>
): { id: string; secret: string } {
  if (typeof id === 'string' && typeof secret === 'string') return { id, secret }
  throw new InstanceError(`${paths.gatewayKey} holds no id and secret: restore it from a backup.`)
}

async function listKeys({ internalKeys }: InstancePaths): Promise<readonly InternalKey[]> {
  const found = await readJsonObject(internalKeys)
  return found === undefined ? [] : parseInternalKeys(internalKeys, found)
}

/** The newest entry of the gateway: a rotation appends. */
async function findGatewayEntry(paths: InstancePaths): Promise<{ id: string; secret: string } | undefined> {
  return (await listKeys(paths)).findLast((key) => key.caller === 'gateway')
}
