import { describeAddress, withClient } from '../launcher/database-client.js'
import { present } from '../launcher/launch-settings.js'
import { answerMsMax, type DatabaseFacts, takesAnyPassword } from './database-facts.js'
import { isLoopbackHost } from './deployment-mode-check.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, startStep } from './doctor-context.js'
import { hardeningGap } from './hardening-gap.js'
import { gatewayDatabaseUrl } from './service-databases.js'

const serverVersionMin = 150_000
/**
 * Signatures are judged by this machine's clock, leases and nonces by the database's. The services do not start where
 * the two differ by more.
 */
const clockSkewMsMax = 5_000

/** The gateway's database answers, is new enough, and has our time. */
export async function checkDatabase(context: DoctorContext): Promise<CheckResult> {
  const { pass, fail } = resultsOf('database')
  const url = gatewayDatabaseUrl(context)
  if (url === null) return fail('the embedded database is not running', startStep(context))
  try {
    const { version, skewMs } = await withClient(
      url,
      async (client) => {
        const sentMs = Date.now()
        const { rows } = await client.query<{ version: number; ms: number }>(
          "select current_setting('server_version_num')::int as version, extract(epoch from clock_timestamp())::float8 * 1000 as ms"
        )
        const [row] = rows
        return { version: row?.version ?? 0, skewMs: Math.abs((row?.ms ?? 0) - (sentMs + Date.now()) / 2) }
      },
      { answerMsMax }
    )
    const where = `${describeAddress(url)}, PostgreSQL ${Math.trunc(version / 10_000)}`
    if (version < serverVersionMin) return fail(`${where}: 15 or newer is needed`, 'upgrade the server')
    if (skewMs > clockSkewMsMax)
      return fail(
        `${where}: its clock is ${Math.round(skewMs / 1000)} s from this machine's; the services start with ${clockSkewMsMax / 1000} s at most`,
        'set both clocks (NTP)'
      )
    return pass(where)
  } catch (error) {
    return fail(
      describeFailure(error),
      context.settings.external === null ? startStep(context) : 'correct DATABASE_URL'
    )
  }
}

/** Somebody looks after the database: it outlives this machine, and is backed up. */
export function checkDatabaseHosting(context: DoctorContext): CheckResult {
  const { pass } = resultsOf('database_hosting')
  if (context.settings.external !== null) return pass('a PostgreSQL server of its own')
  return hardeningGap(context, {
    id: 'database_hosting',
    message: 'the embedded PostgreSQL: one disk, no replica, and it stops with the instance',
    repair: 'move to a hosted PostgreSQL (deploy/backup.md), and set DATABASE_URL'
  })
}

/** Nobody gets into the database who was not let in. A firewall cannot be seen from here. */
export async function checkDatabaseAccess(
  context: DoctorContext,
  facts: DatabaseFacts
): Promise<CheckResult> {
  const { pass, warn, fail } = resultsOf('database_access')
  const { external } = context.settings
  const addresses = facts.gateway?.listenAddresses
  if (external === null && addresses !== undefined && !listensHereOnly(addresses))
    return fail(
      'the embedded PostgreSQL listens beyond this machine',
      'take listen_addresses out of its configuration, and start the instance again'
    )
  if (facts.gateway === null) return warn('not looked at: the database does not answer', startStep(context))
  const url = gatewayDatabaseUrl(context)
  const takesAny = url === null ? null : await takesAnyPassword(url)
  if (takesAny === true)
    return hardeningGap(context, {
      id: 'database_access',
      message: 'the database lets its users in with any password',
      repair: 'ask for scram-sha-256 in pg_hba.conf instead of trust'
    })
  return pass(external === null ? 'this machine only, with a password' : 'a wrong password is refused')
}

/** Says whether PostgreSQL's `listen_addresses` names nothing but this machine; none at all means a socket file. */
export function listensHereOnly(addresses: string): boolean {
  const names = addresses.split(',').map((name) => name.trim())
  return names.every((name) => name === '' || isLoopbackHost(name))
}

const tlsId = 'database_tls'
const useTls = 'add sslmode=verify-full to the database URL (and sslrootcert= for an authority of your own)'

/** What is sent to the database, sealed values and session tokens among it, cannot be read or changed on the way. */
export function checkDatabaseTls(context: DoctorContext, facts: DatabaseFacts): CheckResult {
  const { pass, warn } = resultsOf(tlsId)
  const { external } = context.settings
  if (external === null) return pass('the embedded one, on loopback')
  const remote = (
    [
      ['gateway', external.gatewayUrl],
      ['secrets', external.secretsUrl]
    ] as const
  ).filter(([, url]) => !isHere(url))
  if (remote.length === 0) return pass('loopback')
  if (remote.some(([service]) => facts[service] === null))
    return warn('not looked at: a database does not answer', startStep(context))
  if (remote.some(([service]) => facts[service]?.isEncrypted !== true)) return plainConnections(context)
  return remote.some(([, url]) => !isVerified(url))
    ? warn('TLS that believes any certificate: whoever stands between is not noticed', useTls)
    : pass('TLS, with the certificate checked')
}

function plainConnections(context: DoctorContext): CheckResult {
  const message = 'plain connections beyond this machine'
  if (present(context.io.env.PAPERCLIP_INTERNAL_PLAINTEXT) === 'private-network')
    return resultsOf(tlsId).warn(
      `${message}, on a private network: whoever listens there can read them`,
      useTls
    )
  const orSay = 'where nobody else is on that network, PAPERCLIP_INTERNAL_PLAINTEXT=private-network says so'
  return hardeningGap(context, { id: tlsId, message, repair: `${useTls}; ${orSay}` })
}

function isHere(url: string): boolean {
  const { hostname, searchParams } = new URL(url)
  const host = searchParams.get('host') ?? hostname
  return host === '' || host.startsWith('/') || isLoopbackHost(host)
}

/** As the driver reads it: every mode checks the certificate, but these. */
function isVerified(url: string): boolean {
  const { searchParams } = new URL(url)
  const mode = searchParams.get('sslmode')
  if (mode === 'no-verify') return false
  const isLax = mode === 'prefer' || (mode === 'require' && !searchParams.has('sslrootcert'))
  return !(isLax && searchParams.get('uselibpqcompat') === 'true')
}
