import { existsSync } from 'node:fs'
import { unknownVariables } from '@paperclip/contracts'
import { readConfig } from '@paperclip/instance'
import type { CliIo } from '../cli-io.js'
import { findInstance } from '../launcher/launch-settings.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, deploymentSecret } from './doctor-context.js'

/** 256 bits, as hex or base64 at least this many characters. */
const secretBytesMin = 32
/** 32 random bytes in any usual spelling have more; a word typed again and again has not. */
const distinctCharsMin = 8

/** The configuration is there and readable; without it nothing else can be said. */
export async function checkConfig(io: CliIo): Promise<CheckResult> {
  const { pass, warn, fail } = resultsOf('config')
  try {
    const paths = findInstance(io.env)
    if (!existsSync(paths.config)) return fail(`there is no ${paths.config}`, 'run `paperclipai onboard`')
    await readConfig(paths)
    const [unknown] = unknownVariables(io.env)
    if (unknown === undefined) return pass(`${paths.config} is valid`)
    const { name, nearest } = unknown
    return warn(
      `nothing reads the variable ${name}`,
      nearest === undefined ? 'unset it' : `unset it, or set ${nearest} if that was meant`
    )
  } catch (error) {
    return fail(
      describeFailure(error),
      'correct the setting, or move the file away and run `paperclipai onboard`'
    )
  }
}

/** Run tokens can be made, and in `authenticated` mode sessions. */
export async function checkAuthReadiness(context: DoctorContext): Promise<CheckResult> {
  const { pass, fail } = resultsOf('auth')
  const isShared = context.settings.deploymentMode === 'authenticated'
  const faults: string[] = []
  const steps = new Set<string>()
  for (const name of ['PAPERCLIP_AGENT_JWT_SECRET', ...(isShared ? ['BETTER_AUTH_SECRET'] : [])]) {
    const secret = await deploymentSecret(context, name)
    if (secret === undefined) {
      faults.push(`${name} is set nowhere`)
      steps.add('run `paperclipai doctor --repair`, or set it')
    } else if (Buffer.byteLength(secret) < secretBytesMin || new Set(secret).size < distinctCharsMin) {
      faults.push(`${name} is not ${secretBytesMin} random bytes`)
      steps.add('make one with `openssl rand -base64 32`')
    }
  }
  if (faults.length > 0) return fail(faults.join('; '), [...steps].join('; '))
  return pass(isShared ? 'sessions and run tokens can be made' : 'run tokens can be made')
}
