import { constants, existsSync } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Health, SecretsHealth } from '@paperclip/contracts'
import { chooseDataDir, resolveServerUser } from '@paperclip/postgres'
import { type LaunchSettings, present } from '../launcher/launch-settings.js'
import { requireFreePort } from '../launcher/port-check.js'
import { cliVersion } from '../version.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { askAgain, type DoctorContext } from './doctor-context.js'

const nodeVersionMin = [20, 19] as const

/** The ports are ours: held by this instance, or free for it. */
export async function checkPorts({
  settings,
  runtime,
  startingPid,
  isByEnvironment
}: DoctorContext): Promise<CheckResult> {
  const { pass, warn, fail } = resultsOf('ports')
  if (isByEnvironment) return pass('not looked at: the services have theirs elsewhere')
  const { gateway, secrets } = settings
  if (runtime !== null)
    return pass(`in use by this instance: ${runtime.gateway.port}, ${runtime.secrets.port}`)
  if (startingPid !== null)
    return warn(`not looked at: process ${startingPid} starts or stops this instance`, askAgain)
  const faults = await Promise.all([
    faultOf(requireFreePort(gateway, { variable: 'PORT', service: 'gateway' })),
    faultOf(requireFreePort(secrets, { variable: 'PAPERCLIP_SECRETS_PORT', service: 'secrets service' }))
  ])
  const found = faults.filter((fault) => fault !== null)
  return found.length === 0
    ? pass(`free: ${gateway.port}, ${secrets.port}`)
    : fail(found.join('; '), 'stop what uses it, or choose another port')
}

async function faultOf(looking: Promise<void>): Promise<string | null> {
  return await looking.then(() => null, describeFailure)
}

/** Below this a database may stop at any moment. */
const freeBytesMin = 100 * 1024 ** 2
/** Below this there is time to do something about it. */
const freeBytesEnough = 1024 ** 3

/** Where the files of the instance lie can be written, and has room: keys, logs, and the embedded database. */
export async function checkStorage({ io, settings, isByEnvironment }: DoctorContext): Promise<CheckResult> {
  const { pass, fail } = resultsOf('storage')
  const provider = present(io.env.PAPERCLIP_STORAGE_PROVIDER) ?? 'local_disk'
  if (provider !== 'local_disk' && provider !== 's3')
    return fail('PAPERCLIP_STORAGE_PROVIDER is neither local_disk nor s3', 'set one of the two, or unset it')
  if (isByEnvironment) return pass('nothing is kept outside the database')
  const { instanceDir } = settings.paths
  try {
    await access(instanceDir, constants.W_OK)
    const disks = [await freeAt(instanceDir)]
    const dataDir = await findDataDir(settings)
    // As root the embedded server keeps its data elsewhere, which may be another disk.
    if (dataDir !== null && dirname(dataDir) !== instanceDir) disks.push(await freeAt(dataDir))
    return judgeRoom(instanceDir, disks)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    const step =
      code === 'EROFS'
        ? 'mount it so that it can be written, or move PAPERCLIP_HOME'
        : 'run this as its owner, or change its mode'
    return fail(`${instanceDir} cannot be written (${code})`, step)
  }
}

/** A place on a disk, and what is free there for whoever asks. */
interface Disk {
  readonly path: string
  readonly bytes: number
}

/** The fullest of the disks decides; the first is that of the folder. */
export function judgeRoom(folder: string, disks: readonly Disk[]): CheckResult {
  const { pass, warn, fail } = resultsOf('storage')
  const bytes = Math.min(...disks.map((disk) => disk.bytes))
  const text = `nothing is kept outside the database and ${folder}: ${disks.map(describeDisk).join(', ')} free`
  if (bytes < freeBytesMin) return fail(text, 'make room there, or move PAPERCLIP_HOME')
  return bytes < freeBytesEnough ? warn(text, 'make room there soon') : pass(text)
}

async function freeAt(path: string): Promise<Disk> {
  const { bavail, bsize } = await statfs(path)
  return { path, bytes: bavail * bsize }
}

function describeDisk({ path, bytes }: Disk, index: number): string {
  const text = `${Math.trunc(bytes / 1024 ** 2)} MiB`
  return index === 0 ? text : `${text} for ${path}`
}

/** Null: the database is somebody else's, or was never made. */
async function findDataDir({ external, paths, postgresUser }: LaunchSettings): Promise<string | null> {
  if (external !== null) return null
  const user = await resolveServerUser({ name: postgresUser }).catch(() => undefined)
  if (user === undefined) return null
  const dataDir = await chooseDataDir({ instanceDir: paths.instanceDir, user })
  return existsSync(dataDir) ? dataDir : null
}

/** Node is new enough, and every part is of one version. */
export function checkVersions({
  gateway,
  secrets
}: {
  gateway: Health | null
  secrets: SecretsHealth | null
}): CheckResult {
  const { pass, warn, fail } = resultsOf('versions')
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [majorMin, minorMin] = nodeVersionMin
  if (major < majorMin || (major === majorMin && minor < minorMin))
    return fail(`Node ${process.versions.node} is too old`, `install Node ${majorMin}.${minorMin} or newer`)
  const parts = [
    ['gateway', gateway?.version],
    ['secrets service', secrets?.version]
  ] as const
  const other = parts.find(([, version]) => version !== undefined && version !== cliVersion)
  if (other !== undefined)
    return warn(
      `the ${other[0]} is version ${other[1]}, this command ${cliVersion}`,
      'bring all parts to one version'
    )
  return pass(`paperclip ${cliVersion}, Node ${process.versions.node}`)
}
