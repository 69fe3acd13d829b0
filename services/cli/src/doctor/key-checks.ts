import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createSignerKey } from '@paperclip/client'
import type { InstancePaths } from '@paperclip/instance'
import { present } from '../launcher/launch-settings.js'
import { askMasterKeyNeed } from '../launcher/prepare-instance.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, deploymentSecret } from './doctor-context.js'

const othersBits = 0o077
const keyBytes = 32
const { pass, warn, fail } = resultsOf('deployment_secrets')

/** Every secret of the deployment exists, is strong, is no other's, and is for its owner alone. */
export async function checkDeploymentSecrets(context: DoctorContext): Promise<CheckResult> {
  const { paths } = context.settings
  const masterKey = await readKey(context, 'PAPERCLIP_SECRETS_MASTER_KEY', paths.masterKey)
  if (masterKey === undefined) return await missingMasterKey(context)
  const auditKey = await readKey(context, 'PAPERCLIP_AUDIT_KEY', paths.auditKey)
  if (auditKey === undefined)
    return fail(
      `there is no ${paths.auditKey}`,
      'restore it from a backup, or run `paperclipai doctor --repair`'
    )
  for (const [name, text] of [
    ['master key', masterKey],
    ['audit key', auditKey]
  ] as const)
    if (!isStrongKey(text))
      return fail(`the ${name} is not 32 random bytes as hex, base64 or text`, 'restore it from a backup')
  const internal = checkInternalKeys(context)
  if (internal !== null) return internal
  const named = new Map([
    ['the master key', masterKey],
    ['the audit key', auditKey]
  ])
  for (const name of ['PAPERCLIP_AGENT_JWT_SECRET', 'BETTER_AUTH_SECRET']) {
    const secret = await deploymentSecret(context, name)
    if (secret !== undefined) named.set(name, secret)
  }
  const repeated = [...named].find(([, text], index) => [...named.values()].indexOf(text) !== index)
  if (repeated !== undefined)
    return fail(`${repeated[0]} has the same value as another secret`, 'give each secret a value of its own')
  const open = await openFiles(paths)
  if (open.length > 0) return warn(`others can read ${open.join(', ')}`, `chmod 600 ${open.join(' ')}`)
  return pass('all there, strong, distinct, and for their owner alone')
}

/** The embedded server is started for the question when it does not run; see `askMasterKeyNeed`. */
async function missingMasterKey(context: DoctorContext): Promise<CheckResult> {
  const { masterKey } = context.settings.paths
  try {
    const { keyIds } = await askMasterKeyNeed(context.settings)
    return keyIds.length === 0
      ? fail(`there is no ${masterKey}, and nothing needs one yet`, 'run `paperclipai doctor --repair`')
      : fail(
          `there is no ${masterKey}, and the stored secrets need the key ${keyIds.join(', ')}`,
          'restore that file from a backup'
        )
  } catch (error) {
    return fail(
      `there is no ${masterKey}, and the database does not tell whether one is needed: ${describeFailure(error)}`,
      'restore it from a backup'
    )
  }
}

function checkInternalKeys({ io, settings }: DoctorContext): CheckResult | null {
  const path = present(io.env.PAPERCLIP_GATEWAY_KEY_FILE) ?? settings.paths.gatewayKey
  try {
    createSignerKey(path, { nowMs: Date.now, onReload: () => undefined })
    return null
  } catch (error) {
    return fail(describeFailure(error), 'restore it from a backup, or run `paperclipai doctor --repair`')
  }
}

async function readKey(context: DoctorContext, name: string, path: string): Promise<string | undefined> {
  const given = await deploymentSecret(context, name)
  return given ?? present(await readFile(path, 'utf8').catch(() => undefined))
}

/** The forms the services accept, tried in their order; a key of one repeated byte is none. */
function isStrongKey(text: string): boolean {
  const base64 = Buffer.from(text, 'base64')
  const bytes = /^[0-9a-f]{64}$/i.test(text)
    ? Buffer.from(text, 'hex')
    : base64.length === keyBytes && base64.toString('base64') === text
      ? base64
      : Buffer.from(text, 'utf8')
  return bytes.length === keyBytes && new Set(bytes).size > 1
}

async function openFiles({
  env,
  masterKey,
  auditKey,
  internalKeys,
  gatewayKey
}: InstancePaths): Promise<string[]> {
  const open: string[] = []
  for (const path of [env, masterKey, auditKey, internalKeys, gatewayKey])
    if (existsSync(path) && ((await stat(path)).mode & othersBits) !== 0) open.push(path)
  return open
}
