import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { findMasterKeyFiles } from '@paperclip/instance'
import { present } from '../launcher/launch-settings.js'
import type { DoctorContext } from './doctor-context.js'
import { findReadOnlyMounts, liesOn } from './read-only-mounts.js'

const othersBits = 0o077
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
