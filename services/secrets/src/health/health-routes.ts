import { type ComponentState, getSecretsHealth } from '@paperclip/contracts'
import { AppError, type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import { prefix } from '../prefix.js'
import type { SecretProvider } from '../provider/provider.js'

interface Deps {
  version: string
  strictMode: boolean
  warnings: readonly string[]
  /** What has become worth a warning since the start. */
  findWarnings: () => Promise<readonly string[]>
  /** The default provider as the deployment sets it up, in one line. */
  describeProvider: () => string
  /** Resolves when the database answers. */
  pingDatabase: () => Promise<void>
  /** The id of the master key that wraps; throws when this process does not hold it. */
  checkMasterKey: () => Promise<string>
  defaultProvider: SecretProvider | undefined
}

/** How this service is, for the gateway and for doctor; the provider check seals and opens a canary. */
export const healthRoutes: FastifyPluginAsyncTypebox<Deps> = async (app, deps) => {
  app.route({
    ...mount(prefix, getSecretsHealth),
    handler: async () => {
      const database = await stateOf(deps.pingDatabase, 'database_unavailable')
      const { defaultProvider } = deps
      const provider: ComponentState =
        defaultProvider === undefined
          ? {
              status: 'degraded',
              code: 'provider_unsupported',
              message: 'The default provider cannot be used yet.'
            }
          : await providerStateOf(defaultProvider, deps.describeProvider)
      const masterKey = await masterKeyStateOf(deps.checkMasterKey)
      // Without a database there is nothing to say about its rows, and its own state says enough.
      const warnings = await deps.findWarnings().catch(() => [])
      return {
        status: worstOf([database.status, masterKey.status, provider.status]),
        version: deps.version,
        strictMode: deps.strictMode,
        warnings: [...deps.warnings, ...warnings],
        components: {
          database,
          masterKey,
          provider
        }
      }
    }
  })
}

/** As the contract has it: a check must not fail by its own words. */
const messageCharsMax = 300

function worstOf(states: readonly ComponentState['status'][]): ComponentState['status'] {
  if (states.includes('unhealthy')) return 'unhealthy'
  return states.includes('degraded') ? 'degraded' : 'ok'
}

async function stateOf(check: () => Promise<void>, code: string): Promise<ComponentState> {
  try {
    await check()
    return { status: 'ok' }
  } catch (error) {
    // What a problem says is written to be shown; anything else is not.
    if (error instanceof AppError)
      return { status: 'unhealthy', code: error.code, message: error.message.slice(0, messageCharsMax) }
    return { status: 'unhealthy', code }
  }
}

async function masterKeyStateOf(check: () => Promise<string>): Promise<ComponentState> {
  let id = ''
  const state = await stateOf(async () => {
    id = await check()
  }, 'database_unavailable')
  return state.status === 'ok' ? { ...state, message: `master key ${id} wraps company keys` } : state
}

async function providerStateOf(provider: SecretProvider, describe: () => string): Promise<ComponentState> {
  const state = await stateOf(() => provider.checkHealth(), 'provider_failed')
  return state.status === 'ok' ? { ...state, message: describe().slice(0, messageCharsMax) } : state
}
