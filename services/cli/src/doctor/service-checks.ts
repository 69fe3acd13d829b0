import { lookup } from 'node:dns/promises'
import { ClientError, createSecretsClient, createSignerKey } from '@paperclip/client'
import {
  getHealth,
  getSecretsHealth,
  type Health,
  type SecretsHealth,
  strictModeWarningStart,
  triggersAloneWarningStart
} from '@paperclip/contracts'
import { openClient } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, isGiven, isPublic, startStep } from './doctor-context.js'
import { doctorTls, hopAddressFault } from './hop-check.js'
import { isSignerListed, signerPath } from './hop-key-faults.js'

const probeMsMax = 5_000

/** What the secrets service says about itself to a request signed with the gateway's key. */
export async function askSecretsService(
  context: DoctorContext
): Promise<{ result: CheckResult; health: SecretsHealth | null }> {
  const { pass, warn, fail } = resultsOf('secrets_service')
  const { secretsUrl: origin } = context
  const addressFault = hopAddressFault(context)
  if (addressFault !== null)
    return { result: fail(addressFault, 'correct PAPERCLIP_SECRETS_URL'), health: null }
  if (context.isByEnvironment && !isGiven(context, 'PAPERCLIP_GATEWAY_KEY'))
    return {
      result: warn(
        'not looked at: PAPERCLIP_GATEWAY_KEY_FILE is not given, so no request can be signed',
        'give it'
      ),
      health: null
    }
  try {
    const key = createSignerKey(signerPath(context), { nowMs: Date.now, onReload: () => undefined })
    const tls = doctorTls(context)
    const secrets = createSecretsClient({ origin, key, tls, caller: 'gateway', deadlineMs: probeMsMax })
    try {
      const health = await secrets.call(getSecretsHealth)
      if (!isHealth(health) || typeof health.strictMode !== 'boolean')
        return { result: fail(`${origin} is no secrets service`, strangerStep), health: null }
      return { result: pass(`${origin} answers signed requests`), health }
    } finally {
      await secrets.close()
    }
  } catch (error) {
    const refused = error instanceof ClientError && error.status === 401
    const result = refused
      ? fail(`${origin} refuses the gateway's key`, await stepOfRefusal(context))
      : fail(describeFailure(error), isKeyFault(error) ? 'correct that file' : startStep(context))
    return { result, health: null }
  }
}

async function stepOfRefusal(context: DoctorContext): Promise<string> {
  return (await isSignerListed(context)) === true
    ? 'internal-keys.json here lists it, so this is the service of another deployment, or it cannot read that list: correct PAPERCLIP_SECRETS_URL, or see its log'
    : 'check that gateway-key.json is listed in the internal-keys.json that this service reads'
}

function isKeyFault(error: unknown): boolean {
  return error instanceof Error && error.name === 'KeyFileError'
}

const strangerStep = 'stop what answers there in its place, or correct the address'

/** Another program may answer on a port, with whatever it has: only what says how it is counts. */
function isHealth(reply: unknown): boolean {
  const { status } = (reply ?? {}) as { status?: unknown }
  return status === 'ok' || status === 'degraded' || status === 'unhealthy'
}

const providerStep = 'run `paperclipai secrets doctor`: it says what to do'

/** The master key opens what is stored, and the default provider answers: how it is set up is said. */
export function checkProvider(health: SecretsHealth | null): CheckResult {
  const { pass, warn, fail } = resultsOf('secret_provider')
  if (health === null) return warn('not looked at: the secrets service does not answer')
  const faults = (['masterKey', 'provider', 'database'] as const)
    .map((name) => ({ name, ...health.components[name] }))
    .filter(({ status }) => status !== 'ok')
  const warnings = otherWarnings(health.warnings)
  const texts = faults.map(
    ({ name, message, code, status }) => `${name} of the secrets service: ${message ?? code ?? status}`
  )
  const message = [...texts, warnings.join(' ')].filter((text) => text !== '').join('; ')
  if (faults.length === 0)
    return warnings.length === 0 ? pass(health.components.provider.message ?? 'answers') : warn(message)
  const steps = faults.map(({ name }) =>
    name === 'provider' ? providerStep : 'see the log of the secrets service'
  )
  const isUnhealthy = faults.some(({ status }) => status === 'unhealthy')
  return (isUnhealthy ? fail : warn)(message, [...new Set(steps)].join('; '))
}

/** What the gateway says about itself. `told`: warnings that another check has shown. */
export async function askGateway(
  context: DoctorContext,
  { token, told }: { token: string | null; told: readonly string[] }
): Promise<{ result: CheckResult; health: Health | null }> {
  const { pass, warn, fail } = resultsOf('gateway')
  const { gatewayUrl } = context
  try {
    const health = await readHealth(gatewayUrl, token)
    if (!isHealth(health)) return { result: fail(`${gatewayUrl} is no gateway`, strangerStep), health: null }
    if (health.status === 'unhealthy')
      return { result: fail(`${gatewayUrl} is unhealthy`, 'see the log of the gateway'), health }
    if (health.status === 'degraded')
      return { result: warn(`${gatewayUrl} is degraded`, 'see what the other checks name'), health }
    const difference = differenceTo(context, health)
    if (difference !== null)
      return { result: warn(difference, 'run doctor with the settings of the gateway'), health }
    const warnings = otherWarnings(health.warnings ?? []).filter((warning) => !told.includes(warning))
    const result = warnings.length === 0 ? pass(`${gatewayUrl} is healthy`) : warn(warnings.join(' '))
    return { result, health }
  } catch (error) {
    return { result: fail(describeFailure(error), stepOfGateway(context, error)), health: null }
  }
}

function stepOfGateway(context: DoctorContext, error: unknown): string {
  if (error instanceof MisuseError && error.hint !== undefined) return error.hint
  const isRefused = error instanceof ClientError && error.status === 401
  return isRefused ? 'unset PAPERCLIP_API_KEY, or give it a key that is valid' : startStep(context)
}

/** By number where the gateway does not know the name it is reached by: in a network of containers, only we do. */
async function readHealth(origin: string, token: string | null): Promise<Health> {
  try {
    return await readHealthAt(origin, token)
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== 'host_not_allowed') throw error
    const url = new URL(origin)
    const { address, family } = await lookup(url.hostname)
    url.hostname = family === 6 ? `[${address}]` : address
    return await readHealthAt(url.origin, token)
  }
}

async function readHealthAt(origin: string, token: string | null): Promise<Health> {
  const client = openClient(origin, token, { deadlineMs: probeMsMax })
  try {
    return await client.call(getHealth)
  } finally {
    await client.close()
  }
}

/** Settings are judged as they are here: what runs may have been started with others. */
function differenceTo(context: DoctorContext, health: Health): string | null {
  const here = `${context.settings.deploymentMode}, ${isPublic(context) ? 'public' : 'private'}`
  const there = `${health.deploymentMode}, ${health.deploymentExposure}`
  return here === there ? null : `the gateway that runs is ${there}; set here is ${here}`
}

/** Each of these has a check of its own, which knows the repair. */
function otherWarnings(warnings: readonly string[]): string[] {
  const starts = [strictModeWarningStart, triggersAloneWarningStart]
  return warnings.filter((warning) => !starts.some((start) => warning.startsWith(start)))
}
