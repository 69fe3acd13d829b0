import { present } from '../launcher/launch-settings.js'
import { type DatabaseFacts, takesAnyPassword } from './database-facts.js'
import { isLoopbackHost } from './deployment-mode-check.js'
import { type CheckResult, resultsOf } from './doctor-check.js'
import { type DoctorContext, startStep } from './doctor-context.js'
import { hardeningGap } from './hardening-gap.js'
import { gatewayDatabaseUrl, giveDatabaseStep } from './service-databases.js'

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
  if (external.isAssumed)
    return warn('not looked at: DATABASE_URL, which asks for TLS or not, is not given', giveDatabaseStep)
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
