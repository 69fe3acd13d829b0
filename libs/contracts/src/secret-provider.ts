import { type Static, Type } from 'typebox'
import { CompanyParams } from './common.js'
import { limits } from './limits.js'
import { defineRoute } from './route.js'
import { ProviderId } from './secret.js'
import { VaultConfig } from './vault-config.js'
import { ProviderFacts } from './vault-health.js'

const Text = Type.String({ maxLength: limits.healthTextCharsMax })
const Texts = Type.Array(Text, { maxItems: 20 })

/** What a provider can do, and whether this deployment can use it. */
export const SecretProviderView = Type.Object(
  {
    id: ProviderId,
    label: Type.String({ maxLength: 80 }),
    supportsManagedValues: Type.Boolean(),
    supportsExternalReferences: Type.Boolean(),
    requiresExternalRef: Type.Boolean(),
    configured: Type.Boolean()
  },
  { additionalProperties: false }
)
export type SecretProviderView = Static<typeof SecretProviderView>

export const listSecretProviders = defineRoute({
  operationId: 'listSecretProviders',
  summary: 'Lists the providers, those that cannot be used yet included.',
  method: 'GET',
  path: '/companies/:companyId/secret-providers',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: CompanyParams, response: { 200: Type.Array(SecretProviderView, { maxItems: 20 }) } },
  problems: ['company_forbidden']
})

/** How a provider is without any vault, as the deployment configures it. */
export const SecretProviderHealth = Type.Object(
  {
    provider: ProviderId,
    status: Type.Enum(['ok', 'warn', 'error']),
    message: Text,
    warnings: Type.Optional(Texts),
    backupGuidance: Type.Optional(Texts),
    details: Type.Optional(ProviderFacts)
  },
  { additionalProperties: false }
)
export type SecretProviderHealth = Static<typeof SecretProviderHealth>

export const getSecretProvidersHealth = defineRoute({
  operationId: 'getSecretProvidersHealth',
  callsProvider: true,
  summary: 'Probes each provider as the deployment configures it, and says how to back up what is kept here.',
  method: 'GET',
  path: '/companies/:companyId/secret-providers/health',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'viewer' },
  schema: {
    params: CompanyParams,
    response: {
      200: Type.Object(
        { providers: Type.Array(SecretProviderHealth, { maxItems: 20 }) },
        { additionalProperties: false }
      )
    }
  },
  problems: ['company_forbidden']
})

/** One page of what lies at a provider is looked at; `nextToken` is the provider's own and goes back unchanged. */
export const PreviewDiscovery = Type.Object(
  {
    provider: ProviderId,
    config: VaultConfig,
    query: Type.Optional(Type.String({ minLength: 1, maxLength: limits.queryCharsMax })),
    nextToken: Type.Optional(Type.String({ minLength: 1, maxLength: limits.providerTokenCharsMax })),
    pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.remotePageRowsMax }))
  },
  { additionalProperties: false }
)
export type PreviewDiscovery = Static<typeof PreviewDiscovery>

/** Vaults that would fit what was found: a config each, with how many names begin like that and some of them. */
export const DiscoveryPreview = Type.Object(
  {
    nextToken: Type.Union([Type.String({ maxLength: limits.providerTokenCharsMax }), Type.Null()]),
    candidates: Type.Array(
      Type.Object(
        {
          displayName: Type.String({ maxLength: limits.shortNameCharsMax }),
          config: VaultConfig,
          sampleCount: Type.Integer({ minimum: 1 }),
          samples: Type.Array(Type.String({ maxLength: limits.remoteNameCharsMax }), { maxItems: 3 })
        },
        { additionalProperties: false }
      ),
      { maxItems: limits.remotePageRowsMax }
    )
  },
  { additionalProperties: false }
)
export type DiscoveryPreview = Static<typeof DiscoveryPreview>

export const previewVaultDiscovery = defineRoute({
  operationId: 'previewVaultDiscovery',
  callsProvider: true,
  summary: 'Looks at one page of the names at a provider and proposes vaults for them. Reads no value.',
  method: 'POST',
  path: '/companies/:companyId/secret-provider-configs/discovery/preview',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'admin' },
  schema: { params: CompanyParams, body: PreviewDiscovery, response: { 200: DiscoveryPreview } },
  problems: ['company_forbidden', 'read_only_role', 'invalid_request', 'provider_unsupported']
})
