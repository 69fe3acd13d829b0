import { lstat } from 'node:fs/promises'
import { unknownVariables } from '@paperclip/contracts'
import { readConfig } from '@paperclip/instance'
import type { CliIo } from '../cli-io.js'
import { findInstance, present } from '../launcher/launch-settings.js'
import { isDescribedByEnvironment } from './deployment-source.js'
import { type CheckResult, describeFailure, resultsOf, stepAfter } from './doctor-check.js'
import { type DoctorContext, deploymentSecret, isGiven, isShared, isUnreadable } from './doctor-context.js'

/** 256 bits, as hex or base64 at least this many characters. */
const secretBytesMin = 32
/** 32 random bytes in any usual spelling have more; a word typed again and again has not. */
const distinctCharsMin = 8

/** The configuration is there and can be read; null when it is, else the one result: nothing further can be said. */
export async function findConfigFault(io: CliIo): Promise<CheckResult | null> {
  const { fail } = resultsOf('config')
  try {
    const paths = findInstance(io.env)
    if (isDescribedByEnvironment(io.env)) return null
    if (await isAbsent(paths.config)) return fail(`there is no ${paths.config}`, 'run `paperclipai onboard`')
    await readConfig(paths)
    return null
  } catch (error) {
    return fail(
      describeFailure(error),
      stepAfter(
        error,
        'correct the setting, or use the version it is of; only a file of no use is moved away, before `paperclipai onboard`'
      )
    )
  }
}

/** Each variable is read by somebody, and says its secret in one way. */
export function checkConfig({ io, settings, isByEnvironment }: DoctorContext): CheckResult {
  const { pass, warn, fail } = resultsOf('config')
  const twice = Object.keys(io.env)
    .filter((name) => isSetTwice(io, name))
    .map((name) => `${name} and ${name}_FILE are both set: no service starts so`)
  const unknown = unknownVariables(io.env)
  const unread = unknown.map(({ name }) => `nothing reads the variable ${name}`)
  const meant = unknown.map(({ name, nearest }) =>
    nearest === undefined ? `unset ${name}` : `unset ${name}, or set ${nearest} if that was meant`
  )
  const message = [...twice, ...unread].join('; ')
  if (twice.length > 0) return fail(message, ['keep one of the two', ...meant].join('; '))
  if (unread.length > 0) return warn(message, meant.join('; '))
  return pass(isByEnvironment ? 'the environment describes it' : `${settings.paths.config} is valid`)
}

/** A folder that cannot be entered may have it. */
async function isAbsent(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === 'ENOENT' || code === 'ENOTDIR'
  )
}

/** The master key is none of these: given in both ways, the variable goes before the file. */
const secretVariable =
  /^(?:DATABASE_(?:MIGRATION_)?URL|REDIS_URL|BETTER_AUTH_SECRET|PAPERCLIP_(?:AGENT_JWT_SECRET(?:_PREVIOUS)?|SECRETS_MASTER_KEY_PREVIOUS))$/

function isSetTwice({ env }: CliIo, name: string): boolean {
  return secretVariable.test(name) && [name, `${name}_FILE`].every((each) => present(env[each]) !== undefined)
}

/** Run tokens can be made, and in `authenticated` mode sessions. */
export async function checkAuthReadiness(context: DoctorContext): Promise<CheckResult> {
  const { pass, warn, fail } = resultsOf('auth')
  const shared = isShared(context)
  const faults: string[] = []
  const steps = new Set<string>()
  const names = ['PAPERCLIP_AGENT_JWT_SECRET', ...(shared ? ['BETTER_AUTH_SECRET'] : [])]
  const unknown = context.isByEnvironment ? names.filter((name) => !isGiven(context, name)) : []
  const former = 'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS'
  for (const name of [...names, former].filter((each) => !unknown.includes(each))) {
    const secret = await deploymentSecret(context, name)
    if (secret === undefined && name === former && !(await isUnreadable(context, name))) continue
    if (secret === undefined) {
      const isNamed = isGiven(context, name)
      faults.push(isNamed ? `the file of ${name}_FILE is empty or cannot be read` : `${name} is set nowhere`)
      steps.add(isNamed ? 'correct its path or its mode' : 'run `paperclipai doctor --repair`, or set it')
    } else if (Buffer.byteLength(secret) < secretBytesMin || new Set(secret).size < distinctCharsMin) {
      faults.push(`${name} is not ${secretBytesMin} random bytes`)
      steps.add('make one with `openssl rand -base64 32`')
    }
  }
  if (faults.length > 0) return fail(faults.join('; '), [...steps].join('; '))
  if (unknown.length > 0)
    return warn(`not looked at: ${unknown.join(', ')}`, 'give doctor the environment of the gateway')
  return pass(shared ? 'sessions and run tokens can be made' : 'run tokens can be made')
}
