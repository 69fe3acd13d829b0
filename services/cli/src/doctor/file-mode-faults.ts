import { constants } from 'node:fs'
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { findMasterKeyFiles } from '@paperclip/instance'
import { present } from '../launcher/launch-settings.js'
import type { DoctorContext } from './doctor-context.js'
import { findReadOnlyMounts, liesOn } from './read-only-mounts.js'

const othersBits = 0o077
const anybodyWrites = 0o002
const stickyBit = 0o1000
/** Variables that name a file with a secret in it. */
const fileVariables = [
  'PAPERCLIP_SECRETS_MASTER_KEY_FILE', 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS_FILE', 'PAPERCLIP_AUDIT_KEY_FILE',
  'PAPERCLIP_INTERNAL_KEYS_FILE', 'PAPERCLIP_GATEWAY_KEY_FILE', 'PAPERCLIP_INTERNAL_TLS_KEY_FILE',
  'BETTER_AUTH_SECRET_FILE', 'PAPERCLIP_AGENT_JWT_SECRET_FILE', 'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS_FILE',
  'DATABASE_URL_FILE', 'PAPERCLIP_SECRETS_DATABASE_URL_FILE', 'DATABASE_MIGRATION_URL_FILE', 'REDIS_URL_FILE'
] // biome-ignore format: a list reads better packed

/** Others that read these say so themselves: the database, and the check of run tokens and sessions. */
const toldElsewhere =
  /^(?:DATABASE|PAPERCLIP_SECRETS_DATABASE|BETTER|PAPERCLIP_AGENT|PAPERCLIP_GATEWAY|PAPERCLIP_INTERNAL_TLS)/

/** Lists the variables that name a file of a secret which cannot be read, or is empty and may not be. */
export async function findUnreadableFiles({ io }: Pick<DoctorContext, 'io'>): Promise<string[]> {
  const found: string[] = []
  for (const name of fileVariables.filter((each) => !toldElsewhere.test(each))) {
    const path = present(io.env[name])
    if (path === undefined) continue
    const text = await readFile(path, 'utf8').catch(() => undefined)
    // Between rotations there is no previous key: its file is empty where a file has to be.
    if (name.includes('_PREVIOUS_') ? text === undefined : present(text) === undefined) found.push(name)
  }
  return found
}

/** Lists the files and folders with secrets in them that others may open: those of the instance, and those named. */
export async function findOpenFiles({
  io,
  settings
}: DoctorContext): Promise<{ own: string[]; named: string[] }> {
  const { paths } = settings
  const { instanceDir, secretsDir, env, auditKey, internalKeys, gatewayKey, cliAuth } = paths
  const masterKeys = findMasterKeyFiles(paths)
  const own = [instanceDir, secretsDir, env, ...masterKeys, auditKey, internalKeys, gatewayKey, cliAuth]
  const named = fileVariables.flatMap((name) => present(io.env[name]) ?? [])
  return { own: await openOf(own), named: await openOf(named.filter((path) => !own.includes(path))) }
}

/**
 * Lists files of the instance that belong to another user than its folder, and that owner as `uid:gid`: the services
 * cannot read them, or somebody else can. Null when there are none. Links count as what they lead to.
 */
export async function findForeignFiles({
  settings
}: Pick<DoctorContext, 'settings'>): Promise<{ paths: string[]; owner: string } | null> {
  const { paths } = settings
  const { secretsDir, env, auditKey, internalKeys, gatewayKey, config } = paths
  const instance = await stat(paths.instanceDir).catch(() => undefined)
  if (instance === undefined) return null
  const readOnly = await findReadOnlyMounts()
  const found: string[] = []
  for (const path of [
    secretsDir,
    env,
    config,
    ...findMasterKeyFiles(paths),
    auditKey,
    internalKeys,
    gatewayKey
  ]) {
    const owner = (await stat(path).catch(() => undefined))?.uid
    if (owner !== undefined && owner !== instance.uid && !liesOn(readOnly, path)) found.push(path)
  }
  return found.length === 0 ? null : { paths: found, owner: `${instance.uid}:${instance.gid}` }
}

/**
 * Lists the folders above files of secrets in which anybody may put another file in their place: whoever can write a
 * folder needs no right to what is in it. A sticky one, as `/tmp`, is none of these.
 */
export async function findReplaceableIn({ io, settings }: DoctorContext): Promise<string[]> {
  const { paths } = settings
  const named = fileVariables.flatMap((name) => present(io.env[name]) ?? [])
  const places = [paths.secretsDir, paths.env, ...findMasterKeyFiles(paths), ...named]
  const readOnly = await findReadOnlyMounts()
  const folders = new Set<string>()
  for (const place of places) {
    const real = await realpath(place).catch(() => undefined)
    if (real === undefined || liesOn(readOnly, real)) continue
    for (const path of [resolve(place), real]) for (const folder of foldersAbove(path)) folders.add(folder)
  }
  const found: string[] = []
  for (const folder of folders) {
    const mode = (await stat(folder).catch(() => undefined))?.mode ?? 0
    if ((mode & anybodyWrites) !== 0 && (mode & stickyBit) === 0) found.push(folder)
  }
  return found.filter((folder) => folder !== paths.instanceDir && folder !== paths.secretsDir)
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path)
  return folder === path ? [] : [folder, ...foldersAbove(folder)]
}

async function openOf(paths: readonly string[]): Promise<string[]> {
  const readOnly = await findReadOnlyMounts()
  const open: string[] = []
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined)
    if (found === undefined || (found.mode & othersBits) === 0) continue
    // What a container is given to read was put there for it alone: its mode is the operator's to choose.
    if (!liesOn(readOnly, path) && !(await isReadOnly(path))) open.push(path)
  }
  return open
}

async function isReadOnly(path: string): Promise<boolean> {
  return await access(path, constants.W_OK).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'EROFS'
  )
}
