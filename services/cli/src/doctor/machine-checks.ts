import { constants } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import type { Health, SecretsHealth } from '@paperclip/contracts'
import { present } from '../launcher/launch-settings.js'
import { requireFreePort } from '../launcher/port-check.js'
import { cliVersion } from '../version.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import type { DoctorContext } from './doctor-context.js'

const nodeVersionMin = [20, 19] as const

/** The ports are ours: held by this instance, or free for it. */
export async function checkPorts({
  settings,
  runtime,
  isByEnvironment
}: DoctorContext): Promise<CheckResult> {
  const { pass, fail } = resultsOf('ports')
  if (isByEnvironment) return pass('not looked at: the services have theirs elsewhere')
  const { gateway, secrets } = settings
  if (runtime !== null)
    return pass(`in use by this instance: ${runtime.gateway.port}, ${runtime.secrets.port}`)
  try {
    await requireFreePort(gateway, { variable: 'PORT', service: 'gateway' })
    await requireFreePort(secrets, { variable: 'PAPERCLIP_SECRETS_PORT', service: 'secrets service' })
    return pass(`free: ${gateway.port}, ${secrets.port}`)
  } catch (error) {
    return fail(describeFailure(error), 'stop what uses it, or choose another port')
  }
}

/** Below this a database may stop at any moment. */
const freeBytesMin = 100 * 1024 ** 2
/** Below this there is time to do something about it. */
const freeBytesEnough = 1024 ** 3

/** Where the files of the instance lie can be written, and has room: keys, logs, and the embedded database. */
export async function checkStorage({ io, settings, isByEnvironment }: DoctorContext): Promise<CheckResult> {
  const { pass, warn, fail } = resultsOf('storage')
  const provider = present(io.env.PAPERCLIP_STORAGE_PROVIDER) ?? 'local_disk'
  if (provider !== 'local_disk' && provider !== 's3')
    return fail('PAPERCLIP_STORAGE_PROVIDER is neither local_disk nor s3', 'set one of the two, or unset it')
  if (isByEnvironment) return pass('nothing is kept outside the database')
  const { instanceDir } = settings.paths
  try {
    await access(instanceDir, constants.W_OK)
    const { bavail, bsize } = await statfs(instanceDir)
    const text = `nothing is kept outside the database and ${instanceDir}: ${Math.trunc((bavail * bsize) / 1024 ** 2)} MiB free`
    if (bavail * bsize < freeBytesMin) return fail(text, 'make room there, or move PAPERCLIP_HOME')
    return bavail * bsize < freeBytesEnough ? warn(text, 'make room there soon') : pass(text)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    const step =
      code === 'EROFS'
        ? 'mount it so that it can be written, or move PAPERCLIP_HOME'
        : 'run this as its owner, or change its mode'
    return fail(`${instanceDir} cannot be written (${code})`, step)
  }
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
