import { type ComponentState, getSecretsHealth, type Health, SecretsHealth } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { Value } from 'typebox/value'
import type { Actor } from '../auth/actor.js'
import { hasInstanceAdmin } from '../board-claim/board-claim-store.js'
import type { GatewayConfig } from '../config.js'
import type { GatewayDatabase } from '../database.js'
import type { SecretsHop } from '../vault/secrets-hop.js'
import { pingDatabase } from './health-store.js'

/** Says how the instance is. */
export interface HealthService {
  /** Strangers and agents get the overall state only. */
  read(actor: Actor): Promise<Health>
  /** Rejects unless the gateway's own database answers. */
  checkReady(): Promise<void>
}

interface HealthDeps {
  db: Db<GatewayDatabase>
  hop: SecretsHop
  config: Pick<GatewayConfig, 'mode' | 'exposure'>
  version: string
}

interface Checked {
  database: ComponentState
  secretsService: ComponentState
  secretProvider: ComponentState
  warnings: string[]
  /** Nobody has become the first admin yet; false while the database cannot say. */
  unclaimed: boolean
}

const secretsMsMax = 1_500
/** Checks made within this time share their result, so that asking often costs nothing. */
const checkedMsMax = 1_000

/** Makes the service. */
export function createHealthService({ db, hop, config, version }: HealthDeps): HealthService {
  let checked: { at: number; result: Promise<Checked> } | undefined

  function check(): Promise<Checked> {
    const now = performance.now()
    if (checked === undefined || now - checked.at > checkedMsMax)
      checked = { at: now, result: checkAll({ db, hop, config }) }
    return checked.result
  }

  return {
    checkReady: () => pingDatabase(db),
    async read(actor) {
      const { warnings, unclaimed, ...components } = await check()
      const states = Object.values(components).map((component) => component.status)
      const degraded = states.some((status) => status !== 'ok')
      const health: Health = {
        status: components.database.status === 'unhealthy' ? 'unhealthy' : degraded ? 'degraded' : 'ok',
        deploymentMode: config.mode,
        deploymentExposure: config.exposure,
        bootstrapStatus: unclaimed ? 'bootstrap_pending' : 'ready'
      }
      return actor.kind === 'board' ? { ...health, version, warnings, components } : health
    }
  }
}

async function checkAll({ db, hop, config }: Omit<HealthDeps, 'version'>): Promise<Checked> {
  const [database, secrets, unclaimed] = await Promise.all([
    checkDatabase(db),
    askSecrets(hop),
    // The local operator is there from the start; nobody has to claim anything.
    config.mode === 'authenticated' && isUnclaimed(db)
  ])
  if (secrets === undefined) {
    const message = 'The secrets service cannot be reached.'
    const down: ComponentState = { status: 'unhealthy', code: 'secrets_unavailable', message }
    return { database, secretsService: down, secretProvider: down, warnings: [], unclaimed }
  }
  return {
    database,
    secretsService: serviceState(secrets),
    secretProvider: secrets.components.provider,
    warnings: secrets.warnings,
    unclaimed
  }
}

async function checkDatabase(db: Db<GatewayDatabase>): Promise<ComponentState> {
  try {
    await pingDatabase(db)
    return { status: 'ok' }
  } catch {
    return {
      status: 'unhealthy',
      code: 'database_unavailable',
      message: 'The database of the gateway cannot be reached.'
    }
  }
}

async function isUnclaimed(db: Db<GatewayDatabase>): Promise<boolean> {
  try {
    return !(await hasInstanceAdmin(db))
  } catch {
    return false
  }
}

async function askSecrets(hop: SecretsHop): Promise<SecretsHealth | undefined> {
  try {
    const reply = await hop.sendAsGateway({ route: getSecretsHealth, deadlineMs: secretsMsMax })
    const health: unknown = JSON.parse(reply.body.toString())
    return Value.Check(SecretsHealth, health) ? health : undefined
  } catch {
    return undefined
  }
}

/** The provider is shown beside the service, so it does not count twice. */
function serviceState({ components, version }: SecretsHealth): ComponentState {
  const faulty = [components.database, components.masterKey].find((component) => component.status !== 'ok')
  return { ...(faulty ?? { status: 'ok' as const }), version }
}
