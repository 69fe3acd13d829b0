import { readFile } from 'node:fs/promises'
import { createSignerKey } from '@paperclip/client'
import { findMasterKeyFiles, readInternalKeys } from '@paperclip/instance'
import { present } from '../launcher/launch-settings.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, deploymentSecret, isGiven } from './doctor-context.js'
import { findOpenFiles, findUnreadableFiles } from './file-mode-faults.js'
import { decodeKey } from './key-text.js'
import { faultOfMissingMasterKey, faultOfWrongMasterKey, type KeyFault } from './master-key-faults.js'

const restoreOrRepair = 'restore it from a backup, or run `paperclipai doctor --repair`'
const masterKeyName = 'PAPERCLIP_SECRETS_MASTER_KEY'
const auditKeyName = 'PAPERCLIP_AUDIT_KEY'

/** Every secret of the deployment exists, is strong, is no other's, fits what is stored, and is for its owner alone. */
export async function checkDeploymentSecrets(context: DoctorContext): Promise<CheckResult> {
  const { pass, warn, fail } = resultsOf('deployment_secrets')
  const { paths } = context.settings
  const masterKey = await readKey(context, masterKeyName, findMasterKeyFiles(paths)[0])
  const auditKey = await readKey(context, auditKeyName, paths.auditKey)
  const previousKey = await previousMasterKey(context)
  const unknown = context.isByEnvironment ? keyNames.filter((name) => !isGiven(context, name)) : []
  const isKnown = (name: string) => !unknown.includes(name)
  const faults: KeyFault[] = [
    ...(await unreadableFaults(context)),
    ...(isKnown(masterKeyName) ? await masterKeyFaults(context, { masterKey, previousKey }) : []),
    ...(isKnown(auditKeyName) ? auditKeyFaults(context, auditKey) : []),
    ...(isKnown('PAPERCLIP_GATEWAY_KEY') ? signerFaults(context) : []),
    ...(await repeatedSecrets(context, { masterKey, previousKey, auditKey })),
    ...(await modeFaults(context))
  ]
  const isCertain = faults.some(({ isUnjudged }) => isUnjudged !== true)
  if (unknown.length > 0 && !isCertain)
    faults.push({
      message: `not looked at: ${unknown.join(', ')}`,
      repair: 'give doctor the environment of both services'
    })
  if (faults.length === 0) return pass('all there, strong, distinct, and for their owner alone')
  const repairs = new Set(faults.map(({ repair }) => repair))
  return (isCertain ? fail : warn)(faults.map(({ message }) => message).join('; '), [...repairs].join('; '))
}

const keyNames = [masterKeyName, auditKeyName, 'PAPERCLIP_GATEWAY_KEY', 'PAPERCLIP_INTERNAL_KEYS']

/** A file that is named and cannot be read says nothing about the secret that it should hold. */
async function unreadableFaults(context: DoctorContext): Promise<KeyFault[]> {
  const names = await findUnreadableFiles(context)
  return names.map((name) => ({
    message: `the file of ${name} is empty or cannot be read`,
    repair: 'correct its path or its mode'
  }))
}

async function masterKeyFaults(
  context: DoctorContext,
  { masterKey, previousKey }: { masterKey: string | undefined; previousKey: string | undefined }
): Promise<KeyFault[]> {
  if (masterKey === undefined)
    return isGiven(context, masterKeyName) ? [] : [await faultOfMissingMasterKey(context)]
  if (decodeKey(masterKey) === null) return [weak('master key')]
  if (previousKey !== undefined && decodeKey(previousKey) === null) return [weak('previous master key')]
  const wrong = await faultOfWrongMasterKey(context, { masterKey, previousKey })
  return wrong === undefined ? [] : [wrong]
}

function auditKeyFaults(context: DoctorContext, text: string | undefined): KeyFault[] {
  const { auditKey } = context.settings.paths
  if (text === undefined)
    return isGiven(context, auditKeyName)
      ? []
      : [{ message: `there is no ${auditKey}`, repair: restoreOrRepair }]
  return decodeKey(text) === null ? [weak('audit key')] : []
}

function weak(name: string): KeyFault {
  return {
    message: `the ${name} is not 32 random bytes as hex, base64 or text`,
    repair: 'restore it from a backup'
  }
}

function signerFaults({ io, settings }: DoctorContext): KeyFault[] {
  const path = present(io.env.PAPERCLIP_GATEWAY_KEY_FILE) ?? settings.paths.gatewayKey
  try {
    createSignerKey(path, { nowMs: Date.now, onReload: () => undefined })
    return []
  } catch (error) {
    return [{ message: describeFailure(error), repair: restoreOrRepair }]
  }
}

/** Two uses of one secret: who learns it by the weaker one has the other. Different spellings of one key are equal. */
async function repeatedSecrets(
  context: DoctorContext,
  keys: Record<'masterKey' | 'previousKey' | 'auditKey', string | undefined>
): Promise<KeyFault[]> {
  const named: [name: string, text: string | undefined][] = [
    ['the master key', keys.masterKey],
    ['the previous master key', keys.previousKey],
    ['the audit key', keys.auditKey]
  ]
  for (const name of [
    'PAPERCLIP_AGENT_JWT_SECRET',
    'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS',
    'BETTER_AUTH_SECRET'
  ])
    named.push([name, await deploymentSecret(context, name)])
  const { io, settings } = context
  const list = present(io.env.PAPERCLIP_INTERNAL_KEYS_FILE) ?? settings.paths.internalKeys
  // What is wrong with the list itself is told by who reads it: the secrets service.
  for (const { id, secret } of await readInternalKeys(list).catch(() => []))
    named.push([`the internal key ${id}`, secret])
  const owners = new Map<string, string>()
  const faults: KeyFault[] = []
  for (const [name, text] of named) {
    if (text === undefined) continue
    const bytes = (decodeKey(text) ?? Buffer.from(text)).toString('hex')
    const owner = owners.get(bytes)
    if (owner === undefined) owners.set(bytes, name)
    else
      faults.push({
        message: `${owner} and ${name} have the same value`,
        repair: 'give each secret a value of its own'
      })
  }
  return faults
}

async function modeFaults(context: DoctorContext): Promise<KeyFault[]> {
  const { own, named } = await findOpenFiles(context)
  const faults: KeyFault[] = []
  if (own.length > 0)
    faults.push({ message: `others can read ${own.join(', ')}`, repair: 'run `paperclipai doctor --repair`' })
  if (named.length > 0)
    faults.push({ message: `others can read ${named.join(', ')}`, repair: `chmod 600 ${named.join(' ')}` })
  return faults
}

/** What is given goes before the file of the instance, also when the file that it names cannot be read. */
async function readKey(
  context: DoctorContext,
  name: string,
  path: string | undefined
): Promise<string | undefined> {
  if (isGiven(context, name)) return await deploymentSecret(context, name)
  return path === undefined ? undefined : present(await readFile(path, 'utf8').catch(() => undefined))
}

/** As the launcher hands it on: the key file before the newest, unless the operator brings keys. */
async function previousMasterKey(context: DoctorContext): Promise<string | undefined> {
  const former = isGiven(context, masterKeyName) ? undefined : findMasterKeyFiles(context.settings.paths)[1]
  return await readKey(context, 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS', former)
}
