import { generatedVariables } from '@paperclip/instance'
import { withCredentials } from '../launcher/database-client.js'
import { mayEnter, type ServiceName } from '../launcher/database-roles.js'
import type { DoctorContext } from './doctor-context.js'

/** What to do when an instance runs on a database that nobody named here. */
export const giveDatabaseStep = 'give doctor the DATABASE_URL of the instance that runs'

/** Where the gateway's database is, as whoever was named; null while the embedded one does not run. */
export function gatewayDatabaseUrl(context: DoctorContext): string | null {
  return context.settings.external?.gatewayUrl ?? embeddedUrl(context, 'gateway')
}

/**
 * Finds what a service connects with: the embedded database as its own role; another one as the role that the launcher
 * made there, unless there is none, or the operator made the roles. Null when it cannot be told.
 */
export async function findServiceUrl(context: DoctorContext, service: ServiceName): Promise<string | null> {
  const { external } = context.settings
  if (external === null) return embeddedUrl(context, service)
  const url = service === 'gateway' ? external.gatewayUrl : external.secretsUrl
  const password = context.generated[generatedVariables[`${service}Password`]]
  if (external.migrationUrl !== undefined || password === undefined) return url
  const own = withCredentials(url, { user: `paperclip_${service}`, password })
  return (await mayEnter(own).catch(() => false)) ? own : url
}

function embeddedUrl({ runtime, generated }: DoctorContext, service: ServiceName): string | null {
  const password = generated[generatedVariables[`${service}Password`]]
  if (runtime === null || password === undefined) return null
  return withCredentials(runtime.database.address, { user: `paperclip_${service}`, password })
}
