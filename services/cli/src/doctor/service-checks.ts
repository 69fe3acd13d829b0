import { ClientError, createSecretsClient, createSignerKey } from '@paperclip/client'
import {
  getHealth,
  getSecretsHealth,
  type Health,
  type SecretsHealth,
  strictModeWarningStart
} from '@paperclip/contracts'
import { generatedVariables } from '@paperclip/instance'
import { openClient } from '../api-session.js'
import { describeAddress, withClient, withCredentials } from '../launcher/database-client.js'
import { present } from '../launcher/launch-settings.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import type { DoctorContext } from './doctor-context.js'
import { doctorTls, hopAddressFault } from './hop-check.js'

const serverVersionMin = 150_000

/** Signatures are judged by this machine's clock, leases and nonces by the database's: they may differ by this much. */
const clockSkewMsMax = 5_000

const probeMsMax = 5_000
const startHint = 'start the instance with `paperclipai run`'

/** The gateway's database answers, is new enough, and has our time. */
export async function checkDatabase(context: DoctorContext): Promise<CheckResult> {
  const { pass, warn, fail } = resultsOf('database')
  const url = databaseUrl(context)
  if (url === null) return fail('the embedded database is not running', startHint)
  try {
    const { version, skewMs } = await withClient(url, async (client) => {
      const sentMs = Date.now()
      const { rows } = await client.query<{ version: number; ms: number }>(
        "select current_setting('server_version_num')::int as version, extract(epoch from clock_timestamp())::float8 * 1000 as ms"
      )
      const [row] = rows
      return { version: row?.version ?? 0, skewMs: Math.abs((row?.ms ?? 0) - (sentMs + Date.now()) / 2) }
    })
    const where = `${describeAddress(url)}, PostgreSQL ${Math.trunc(version / 10_000)}`
    if (version < serverVersionMin) return fail(`${where}: 15 or newer is needed`, 'upgrade the server')
    if (skewMs > clockSkewMsMax)
      return warn(
        `${where}: its clock is ${Math.round(skewMs / 1000)} s from this machine's`,
        'set both clocks'
      )
    return pass(where)
  } catch (error) {
    return fail(
      describeFailure(error),
      context.settings.external === null ? startHint : 'correct DATABASE_URL'
    )
  }
}

function databaseUrl({ settings, runtime, generated }: DoctorContext): string | null {
  if (settings.external !== null) return settings.external.gatewayUrl
  const password = generated[generatedVariables.gatewayPassword]
  if (runtime === null || password === undefined) return null
  return withCredentials(runtime.database.address, { user: 'paperclip_gateway', password })
}

/** What the secrets service says about itself to a request signed with the gateway's key. */
export async function askSecretsService(
  context: DoctorContext
): Promise<{ result: CheckResult; health: SecretsHealth | null }> {
  const { pass, fail } = resultsOf('secrets_service')
  const { io, settings, secretsUrl: origin } = context
  const addressFault = hopAddressFault(context)
  if (addressFault !== null)
    return { result: fail(addressFault, 'correct PAPERCLIP_SECRETS_URL'), health: null }
  try {
    const path = present(io.env.PAPERCLIP_GATEWAY_KEY_FILE) ?? settings.paths.gatewayKey
    const key = createSignerKey(path, { nowMs: Date.now, onReload: () => undefined })
    const tls = doctorTls(context)
    const secrets = createSecretsClient({ origin, key, tls, caller: 'gateway', deadlineMs: probeMsMax })
    try {
      const health = await secrets.call(getSecretsHealth)
      return { result: pass(`${origin} answers signed requests`), health }
    } finally {
      await secrets.close()
    }
  } catch (error) {
    const refused = error instanceof ClientError && error.status === 401
    const result = refused
      ? fail(
          `${origin} refuses the gateway's key`,
          'check that gateway-key.json is listed in internal-keys.json'
        )
      : fail(describeFailure(error), startHint)
    return { result, health: null }
  }
}

const providerStep = 'run `paperclipai secrets doctor`: it says what to do'

/** The master key opens what is stored, and the default provider answers: how it is set up is said. */
export function checkProvider(health: SecretsHealth | null): CheckResult {
  const { pass, warn, fail } = resultsOf('secret_provider')
  if (health === null) return warn('not checked: the secrets service does not answer')
  for (const name of ['masterKey', 'provider', 'database'] as const) {
    const { status, message, code } = health.components[name]
    const text = `${name} of the secrets service: ${message ?? code ?? status}`
    const step = name === 'provider' ? providerStep : 'see the log of the secrets service'
    if (status === 'unhealthy') return fail(text, step)
    if (status === 'degraded') return warn(text, step)
  }
  const warnings = otherWarnings(health.warnings)
  return warnings.length === 0
    ? pass(health.components.provider.message ?? 'answers')
    : warn(warnings.join(' '))
}

const claimStep = 'open the claim link of the start-up log, and sign up'

/** What the gateway says about itself. */
export async function askGateway(
  context: DoctorContext,
  token: string | null
): Promise<{ result: CheckResult; health: Health | null }> {
  const { pass, warn, fail } = resultsOf('gateway')
  const { gatewayUrl } = context
  try {
    const client = openClient(gatewayUrl, token, { deadlineMs: probeMsMax })
    try {
      const health = await client.call(getHealth)
      if (health.status === 'unhealthy')
        return { result: fail(`${gatewayUrl} is unhealthy`, 'see the log of the gateway'), health }
      const warnings = otherWarnings(health.warnings ?? [])
      if (health.bootstrapStatus === 'bootstrap_pending')
        return { result: warn(`${gatewayUrl} belongs to nobody yet`, claimStep), health }
      if (health.status === 'degraded')
        return { result: warn(`${gatewayUrl} is degraded`, 'see what the other checks name'), health }
      return {
        result: warnings.length === 0 ? pass(`${gatewayUrl} is healthy`) : warn(warnings.join(' ')),
        health
      }
    } finally {
      await client.close()
    }
  } catch (error) {
    return { result: fail(describeFailure(error), startHint), health: null }
  }
}

/** Strict mode has a check of its own, which knows the repair. */
function otherWarnings(warnings: readonly string[]): string[] {
  return warnings.filter((warning) => !warning.startsWith(strictModeWarningStart))
}
