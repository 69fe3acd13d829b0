import type { ProviderFacts, ProviderId, VaultHealth } from '@paperclip/contracts'
import { type Db, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { claimNonce } from '../nonce/nonce-store.js'
import type { VaultBackends } from '../provider/vault-backend.js'
import { vaultActivity } from './vault-activity.js'
import type { VaultService } from './vault-service.js'
import { storeHealth, type VaultRow } from './vault-store.js'

interface VaultHealthDeps {
  db: Db<SecretsDatabase>
  vaults: VaultService
  backends: VaultBackends
  nowMs: () => number
}

/** Health checks of vaults. */
export interface VaultHealthService {
  /** Probes a vault and keeps what was found. Throws `state_conflict` when the vault changed meanwhile. */
  check(caller: Caller, id: string): Promise<VaultHealth>
}

/** Makes the service. */
export function createVaultHealthService(deps: VaultHealthDeps): VaultHealthService {
  const { db, vaults, backends, nowMs } = deps
  return {
    async check(caller, id) {
      const vault = await vaults.getForChange(caller, id)
      // Outside the transaction: a provider may be slow.
      const found = await findingOf(backends, vault)
      const { status, code, message, guidance, facts } = found
      const health: VaultHealth = {
        configId: vault.id,
        provider: vault.provider,
        status,
        message,
        details: { code, message, guidance: [...guidance], ...facts },
        checkedAt: new Date(nowMs()).toISOString()
      }
      await transaction(
        db,
        async (tx) => {
          await claimNonce(tx, caller)
          const stored = await storeHealth(tx, vault, health)
          if (stored === undefined)
            throw new AppError('state_conflict', {
              detail: 'The vault was changed while it was being checked. Check it again.'
            })
          const facts = { healthStatus: status }
          await insertActivity(tx, caller, vaultActivity('health_checked', stored, facts))
        },
        { attemptsMax: 3 }
      )
      return health
    }
  }
}

interface Finding {
  readonly status: VaultHealth['status']
  readonly code: string
  readonly message: string
  readonly guidance: readonly string[]
  readonly facts: ProviderFacts
}

/** A vault that is not in use is not probed: whatever is behind it is not asked. */
async function findingOf(backends: VaultBackends, vault: VaultRow): Promise<Finding> {
  if (vault.status === 'disabled') return disabled
  if (vault.status === 'coming_soon') return locked
  const backend = backends[vault.provider]
  if (backend === undefined) return unsupported(vault.provider)
  return await backend.probe(vault.company_id, { id: vault.id, config: vault.config })
}

const disabled: Finding = {
  status: 'disabled',
  code: 'vault_disabled',
  message: 'The vault is disabled and was not probed.',
  guidance: ['Set its status to ready to use it again.'],
  facts: {}
}

const locked: Finding = {
  status: 'coming_soon',
  code: 'runtime_locked',
  message: 'Vaults of this provider can be drafted, but not used yet.',
  guidance: [],
  facts: {}
}

function unsupported(provider: ProviderId): Finding {
  return {
    status: 'error',
    code: 'provider_unsupported',
    message: `The provider ${provider} cannot be used yet.`,
    guidance: [],
    facts: {}
  }
}
