import { existsSync } from 'node:fs'
import { readConfig } from '@paperclip/instance'
import type { CliIo } from '../cli-io.js'
import { findInstance } from '../launcher/launch-settings.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, deploymentSecret } from './doctor-context.js'

/** 256 bits, as hex or base64 at least this many characters. */
const secretBytesMin = 32

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/

/** The configuration is there and readable; without it nothing else can be said. */
export async function checkConfig(io: CliIo): Promise<CheckResult> {
  const { pass, fail } = resultsOf('config')
  try {
    const paths = findInstance(io.env)
    if (!existsSync(paths.config)) return fail(`there is no ${paths.config}`, 'run `paperclipai onboard`')
    await readConfig(paths)
    return pass(`${paths.config} is valid`)
  } catch (error) {
    return fail(
      describeFailure(error),
      'correct the setting, or move the file away and run `paperclipai onboard`'
    )
  }
}

/** Everyone who reaches a `local_trusted` gateway is its operator, so it must not be reachable. */
export function checkDeploymentMode({ settings, io }: DoctorContext): CheckResult {
  const { pass, fail } = resultsOf('deployment_mode')
  const { deploymentMode, gateway } = settings
  if (deploymentMode === 'local_trusted') {
    if (loopbackHost.test(gateway.host)) return pass('local_trusted, on loopback only')
    return fail(
      'local_trusted with a HOST that is not loopback: whoever reaches it would be the operator',
      'unset HOST, or set PAPERCLIP_DEPLOYMENT_MODE=authenticated'
    )
  }
  if (deploymentMode !== 'authenticated')
    return fail('PAPERCLIP_DEPLOYMENT_MODE is neither local_trusted nor authenticated', 'set one of the two')
  const url = io.env.PAPERCLIP_PUBLIC_URL ?? io.env.PAPERCLIP_AUTH_PUBLIC_BASE_URL
  return url === undefined
    ? resultsOf('deployment_mode').warn('authenticated, without a public URL', 'set PAPERCLIP_PUBLIC_URL')
    : pass('authenticated')
}

/** Run tokens can be made, and in `authenticated` mode sessions. */
export async function checkAuthReadiness(context: DoctorContext): Promise<CheckResult> {
  const { pass, fail } = resultsOf('auth')
  const needed = ['PAPERCLIP_AGENT_JWT_SECRET']
  if (context.settings.deploymentMode === 'authenticated') needed.push('BETTER_AUTH_SECRET')
  for (const name of needed) {
    const secret = await deploymentSecret(context, name)
    if (secret === undefined)
      return fail(`${name} is set nowhere`, 'run `paperclipai doctor --repair`, or set it')
    if (Buffer.byteLength(secret) < secretBytesMin)
      return fail(`${name} is shorter than ${secretBytesMin} bytes`, 'set a longer one')
  }
  return pass('run tokens can be made')
}
