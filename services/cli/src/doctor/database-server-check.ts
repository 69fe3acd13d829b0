import type pg from 'pg'
import { describeAddress, withClient } from '../launcher/database-client.js'
import { answerMsMax, type DatabaseFacts } from './database-facts.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, startStep } from './doctor-context.js'
import { findSchemaFaults } from './schema-fault.js'
import { gatewayDatabaseUrl, giveDatabaseStep } from './service-databases.js'

const serverVersionMin = 150_000
/**
 * Signatures are judged by this machine's clock, leases and nonces by the database's. The services do not start where
 * the two differ by more.
 */
const clockSkewMsMax = 5_000

/** The database of each service answers, is new enough, can be written, and has our time. */
export async function checkDatabase(context: DoctorContext): Promise<CheckResult> {
  const { pass, fail } = resultsOf('database')
  const url = gatewayDatabaseUrl(context)
  if (url === null) return fail('the embedded database is not running', startStep(context))
  const { external } = context.settings
  const isApart = external !== null && external.secretsUrl !== url && external.isAssumed !== true
  const [gateway, secrets] = await Promise.all([
    lookAt(url, stepOfDatabase(context)),
    isApart ? lookAt(external.secretsUrl, 'correct PAPERCLIP_SECRETS_DATABASE_URL') : null
  ])
  const faults = [gateway, secrets].filter((each) => each !== null && each.repair !== null)
  if (faults.length === 0) return pass(gateway.message)
  const joined = (part: 'message' | 'repair') => [...new Set(faults.map((each) => each?.[part]))].join('; ')
  return fail(joined('message'), joined('repair'))
}

/** One server, and the next step when something is wrong with it. */
async function lookAt(url: string, step: string): Promise<{ message: string; repair: string | null }> {
  try {
    const { version, skewMs, isReadOnly } = await withClient(url, askServer, { answerMsMax })
    const where = `${describeAddress(url)}, PostgreSQL ${Math.trunc(version / 10_000)}`
    if (version < serverVersionMin)
      return { message: `${where}: 15 or newer is needed`, repair: 'upgrade the server' }
    if (isReadOnly)
      return {
        message: `${where}: it can only be read`,
        repair: 'name the primary server, or take default_transaction_read_only back'
      }
    if (skewMs > clockSkewMsMax)
      return {
        message: `${where}: its clock is ${Math.round(skewMs / 1000)} s from this machine's; the services start with ${clockSkewMsMax / 1000} s at most`,
        repair: 'set both clocks (NTP)'
      }
    return { message: where, repair: null }
  } catch (error) {
    return { message: describeFailure(error).replace('correct DATABASE_URL', step), repair: step }
  }
}

async function askServer(
  client: pg.Client
): Promise<{ version: number; skewMs: number; isReadOnly: boolean }> {
  const sentMs = Date.now()
  const { rows } = await client.query<{ version: number; ms: number; isReadOnly: boolean }>(
    `select current_setting('server_version_num')::int as version,
       extract(epoch from clock_timestamp())::float8 * 1000 as ms,
       current_setting('transaction_read_only')::boolean as "isReadOnly"`
  )
  const [{ version, ms, isReadOnly } = { version: 0, ms: 0, isReadOnly: false }] = rows
  return { version, isReadOnly, skewMs: Math.abs(ms - (sentMs + Date.now()) / 2) }
}

function stepOfDatabase(context: DoctorContext): string {
  const { external } = context.settings
  if (external === null) return startStep(context)
  return external.isAssumed ? giveDatabaseStep : 'correct DATABASE_URL'
}

/** What keeps a service from starting on a database that is well, both of them together. */
export async function addSchemaFaults(
  database: CheckResult,
  context: DoctorContext,
  facts: DatabaseFacts
): Promise<CheckResult> {
  const faults = database.status === 'pass' ? await findSchemaFaults(context, facts) : []
  if (faults.length === 0) return database
  const messages = faults.map(({ message }) => message)
  const repairs = new Set(faults.map(({ repair }) => repair))
  return resultsOf('database').fail(`${database.message}: ${messages.join('; ')}`, [...repairs].join('; '))
}
