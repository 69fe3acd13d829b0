import { readFile } from 'node:fs/promises'
import { findMasterKeyFiles, generatedVariables, isLinkToNothing } from '@paperclip/instance'
import { findLockedData } from '../launcher/database-password.js'
import { present } from '../launcher/launch-settings.js'
import { type CheckResult, resultsOf, stepAfter } from './doctor-check.js'
import { type DoctorContext, deploymentSecret, isGiven } from './doctor-context.js'
import {
  findForeignFiles,
  findOpenFiles,
  findReplaceableIn,
  findUnreadableFiles
} from './file-mode-faults.js'
import { hopKeyFaults, restoreOrRepair } from './hop-key-faults.js'
import { decodeKey } from './key-text.js'
import { faultOfMissingMasterKey, faultOfWrongMasterKey, type KeyFault } from './master-key-faults.js'
import { repeatedSecrets } from './repeated-secrets.js'
import { shellWords } from './shell-words.js'

const masterKeyName = 'PAPERCLIP_SECRETS_MASTER_KEY'
const previousKeyName = 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS'
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
    ...(isKnown(auditKeyName) ? await auditKeyFaults(context, auditKey) : []),
    ...(await hopKeyFaults(context)),
    ...(await lockedDataFaults(context)),
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
  if (masterKey === undefined) {
    if (isGiven(context, masterKeyName)) return []
    const [newest] = findMasterKeyFiles(context.settings.paths)
    return [newest === undefined ? await faultOfMissingMasterKey(context) : await unusableFile(newest)]
  }
  const [newest, former] = isGiven(context, masterKeyName) ? [] : findMasterKeyFiles(context.settings.paths)
  const faults = decodeKey(masterKey) === null ? [weak('master key', newest)] : []
  if (previousKey !== undefined && decodeKey(previousKey) === null)
    faults.push(weak('previous master key', isGiven(context, previousKeyName) ? undefined : former))
  if (faults.length > 0) return faults
  const wrong = await faultOfWrongMasterKey(context, { masterKey, previousKey })
  return wrong === undefined ? [] : [wrong]
}

async function auditKeyFaults(context: DoctorContext, text: string | undefined): Promise<KeyFault[]> {
  const { auditKey } = context.settings.paths
  if (text === undefined) return isGiven(context, auditKeyName) ? [] : [await unusableFile(auditKey)]
  const path = isGiven(context, auditKeyName) ? undefined : auditKey
  return decodeKey(text) === null ? [weak('audit key', path)] : []
}

/** A file that is there and holds nothing is not made anew: something may need what was in it. */
async function unusableFile(path: string): Promise<KeyFault> {
  if (await isLinkToNothing(path))
    return { message: `${path} is a link to a file that is not there`, repair: 'put that file back' }
  return await readFile(path).then(
    () => ({ message: `${path} is empty`, repair: 'restore it from a backup' }),
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT'
        ? { message: `there is no ${path}`, repair: restoreOrRepair }
        : {
            message: `${path} cannot be read (${error.code})`,
            repair: stepAfter(error, 'restore it from a backup')
          }
  )
}

/** `path`: the file of the instance that has it; undefined when a variable says what it is, or where. */
function weak(name: string, path: string | undefined): KeyFault {
  return {
    message: `the ${name}${path === undefined ? '' : ` in ${path}`} is not 32 random bytes as hex, base64 or text`,
    repair: 'restore it from a backup'
  }
}

/** Embedded data that only a password in `.env` opens, which is gone. */
async function lockedDataFaults({ settings }: DoctorContext): Promise<KeyFault[]> {
  const dataDir = await findLockedData(settings)
  if (dataDir === null) return []
  const message = `${settings.paths.env} has no ${generatedVariables.superuserPassword}, without which nobody gets into ${dataDir}`
  return [{ message, repair: 'restore that line from a backup' }]
}

async function modeFaults(context: DoctorContext): Promise<KeyFault[]> {
  const { own, named } = await findOpenFiles(context)
  const faults: KeyFault[] = []
  if (own.length > 0)
    faults.push({ message: `others can read ${own.join(', ')}`, repair: 'run `paperclipai doctor --repair`' })
  if (named.length > 0)
    faults.push({ message: `others can read ${named.join(', ')}`, repair: `chmod 600 ${shellWords(named)}` })
  const foreign = await findForeignFiles(context)
  if (foreign !== null)
    faults.push({
      message: `of another user than the instance: ${foreign.paths.join(', ')}`,
      repair: `chown ${foreign.owner} ${shellWords(foreign.paths)}`
    })
  const folders = await findReplaceableIn(context)
  if (folders.length > 0)
    faults.push({
      message: `anybody can put other files in the place of those in ${folders.join(', ')}`,
      repair: `chmod o-w ${shellWords(folders)}`
    })
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
  return await readKey(context, previousKeyName, former)
}
