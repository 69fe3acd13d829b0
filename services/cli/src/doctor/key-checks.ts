import { readFile } from 'node:fs/promises'
import { createSignerKey } from '@paperclip/client'
import { findMasterKeyFiles, readInternalKeys } from '@paperclip/instance'
import { present } from '../launcher/launch-settings.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, deploymentSecret } from './doctor-context.js'
import { findOpenFiles } from './file-mode-faults.js'
import { decodeKey } from './key-text.js'
import { faultOfMissingMasterKey, faultOfWrongMasterKey, type KeyFault } from './master-key-faults.js'

const restoreOrRepair = 'restore it from a backup, or run `paperclipai doctor --repair`'

/** Every secret of the deployment exists, is strong, is no other's, fits what is stored, and is for its owner alone. */
export async function checkDeploymentSecrets(context: DoctorContext): Promise<CheckResult> {
  const { pass, fail } = resultsOf('deployment_secrets')
  const { paths } = context.settings
  const masterKey = await readKey(
    context,
    'PAPERCLIP_SECRETS_MASTER_KEY',
    findMasterKeyFiles(paths)[0] ?? paths.masterKey
  )
  const auditKey = await readKey(context, 'PAPERCLIP_AUDIT_KEY', paths.auditKey)
  const faults = [
    ...(await masterKeyFaults(context, masterKey)),
    ...auditKeyFaults(auditKey, paths.auditKey),
    ...signerFaults(context),
    ...(await repeatedSecrets(context, { masterKey, auditKey })),
    ...(await modeFaults(context))
  ]
  if (faults.length === 0) return pass('all there, strong, distinct, and for their owner alone')
  const repairs = new Set(faults.map(({ repair }) => repair))
  return fail(faults.map(({ message }) => message).join('; '), [...repairs].join('; '))
}

async function masterKeyFaults(context: DoctorContext, text: string | undefined): Promise<KeyFault[]> {
  if (text === undefined) return [await faultOfMissingMasterKey(context)]
  if (decodeKey(text) === null) return [weak('master key')]
  const wrong = await faultOfWrongMasterKey(context, text)
  return wrong === undefined ? [] : [wrong]
}

function auditKeyFaults(text: string | undefined, path: string): KeyFault[] {
  if (text === undefined) return [{ message: `there is no ${path}`, repair: restoreOrRepair }]
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
  keys: { masterKey: string | undefined; auditKey: string | undefined }
): Promise<KeyFault[]> {
  const named: [name: string, text: string | undefined][] = [
    ['the master key', keys.masterKey],
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

async function readKey(context: DoctorContext, name: string, path: string): Promise<string | undefined> {
  const given = await deploymentSecret(context, name)
  return given ?? present(await readFile(path, 'utf8').catch(() => undefined))
}
