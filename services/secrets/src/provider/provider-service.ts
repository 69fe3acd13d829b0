import {
  type DiscoveryPreview,
  limits,
  type PreviewDiscovery,
  type ProviderId,
  providerIds,
  type SecretProviderHealth,
  type SecretProviderView
} from '@paperclip/contracts'
import { type Db, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { claimNonce } from '../nonce/nonce-store.js'
import { checkSearch, parseVaultConfig } from '../vault/vault-input.js'
import { candidatesOf } from './discovery-candidates.js'
import type { ProviderDescriptor, ProviderRegistry } from './provider.js'
import type { ProbeResult, VaultBackends } from './vault-backend.js'

interface ProviderServiceDeps {
  db: Db<SecretsDatabase>
  providers: ProviderRegistry
  backends: VaultBackends
  /** What of a company waits too long for a remote provider; undefined when nothing does. */
  findDeletionWarning: (companyId: string) => Promise<string | undefined>
}

/** What the providers can do, and how they are without a vault. */
export interface ProviderService {
  list(): SecretProviderView[]
  /** Probes all of them at once. */
  checkHealth(companyId: string): Promise<SecretProviderHealth[]>
  /** Proposes vaults for one page of what lies at a provider. Throws `provider_unsupported`. */
  preview(caller: Caller, input: PreviewDiscovery): Promise<DiscoveryPreview>
}

/** Makes the service. */
export function createProviderService(deps: ProviderServiceDeps): ProviderService {
  const { db, providers, backends } = deps
  return {
    list: () =>
      providerIds.map((id) => {
        const { label, supportsManagedValues, supportsExternalReferences } =
          providers.find(id)?.descriptor ?? lockedDescriptors[id]
        const configured = backends[id]?.isConfigured ?? false
        return {
          id,
          label,
          supportsManagedValues,
          supportsExternalReferences,
          requiresExternalRef: supportsExternalReferences && !supportsManagedValues,
          configured
        }
      }),

    checkHealth: (companyId) => Promise.all(providerIds.map((id) => healthOf(deps, id, companyId))),

    async preview(caller, { provider, config, query, nextToken, pageSize }) {
      const place = parseVaultConfig(provider, config)
      const search = checkSearch(query)
      const lister = backends[provider]?.references ?? null
      if (lister === null)
        throw new AppError('provider_unsupported', {
          detail: `The provider ${provider} cannot be searched by this installation.`
        })
      await transaction(db, (tx) => claimNonce(tx, caller), { attemptsMax: 3 })
      const page = await lister.listReferences({
        config: place,
        query: search,
        nextToken: nextToken ?? null,
        pageSize: pageSize ?? limits.remotePageRowsDefault
      })
      return { nextToken: page.nextToken, candidates: candidatesOf(place, page.references) }
    }
  }
}

/** Providers that have no code here, or none yet. */
const lockedDescriptors: Readonly<Record<ProviderId, ProviderDescriptor>> = {
  local_encrypted: locked('local_encrypted', 'Local encrypted'),
  aws_secrets_manager: locked('aws_secrets_manager', 'AWS Secrets Manager'),
  gcp_secret_manager: locked('gcp_secret_manager', 'Google Cloud Secret Manager'),
  vault: locked('vault', 'HashiCorp Vault')
}

function locked(id: ProviderId, label: string): ProviderDescriptor {
  return { id, label, supportsManagedValues: false, supportsExternalReferences: false }
}

const statusOfProbe: Readonly<Record<ProbeResult['status'], SecretProviderHealth['status']>> = {
  ready: 'ok',
  warning: 'warn',
  error: 'error'
}

async function healthOf(
  { backends, providers, findDeletionWarning }: ProviderServiceDeps,
  provider: ProviderId,
  companyId: string
): Promise<SecretProviderHealth> {
  const backend = backends[provider]
  if (backend === undefined)
    return { provider, status: 'warn', message: 'This provider is listed, but cannot be used yet.' }
  const isRemote = providers.find(provider)?.storage.kind === 'remote'
  const [{ status, message, guidance, facts }, overdue] = await Promise.all([
    backend.probe(companyId, null),
    isRemote ? findDeletionWarning(companyId) : undefined
  ])
  const warnings = overdue === undefined ? guidance : [overdue, ...guidance]
  return {
    provider,
    status: status === 'ready' && overdue !== undefined ? 'warn' : statusOfProbe[status],
    message,
    ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    ...(backend.backupGuidance.length === 0 ? {} : { backupGuidance: [...backend.backupGuidance] }),
    ...(Object.keys(facts).length === 0 ? {} : { details: facts })
  }
}
