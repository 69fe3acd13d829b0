import { type Static, Type } from 'typebox'
import { CompanyParams, IdParams, NullableTime, NullableUuid, ShortName, Time } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'
import { ProviderId } from './secret.js'
import { VaultConfig } from './vault-config.js'
import { VaultHealth, VaultHealthDetails, VaultHealthStatus } from './vault-health.js'

export const vaultStatuses = ['ready', 'warning', 'coming_soon', 'disabled'] as const
export const VaultStatus = Type.Enum([...vaultStatuses])
export type VaultStatus = (typeof vaultStatuses)[number]

/** A provider vault: a named place of a company where values may lie. Nothing in it is secret. */
export const VaultView = Type.Object(
  {
    id: Uuid,
    companyId: Uuid,
    provider: ProviderId,
    displayName: Type.String({ maxLength: limits.shortNameCharsMax }),
    status: VaultStatus,
    isDefault: Type.Boolean(),
    config: VaultConfig,
    healthStatus: Type.Union([VaultHealthStatus, Type.Null()]),
    healthCheckedAt: NullableTime,
    healthMessage: Type.Union([Type.String({ maxLength: limits.healthTextCharsMax }), Type.Null()]),
    healthDetails: Type.Union([VaultHealthDetails, Type.Null()]),
    disabledAt: NullableTime,
    createdByAgentId: NullableUuid,
    createdByUserId: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
    createdAt: Time,
    updatedAt: Time
  },
  { additionalProperties: false }
)
export type VaultView = Static<typeof VaultView>

export const CreateVault = Type.Object(
  {
    provider: ProviderId,
    displayName: ShortName,
    status: Type.Optional(VaultStatus),
    isDefault: Type.Optional(Type.Boolean()),
    config: Type.Optional(VaultConfig)
  },
  { additionalProperties: false }
)
export type CreateVault = Static<typeof CreateVault>

/** `config` replaces the former one as a whole. */
export const UpdateVault = Type.Object(
  {
    displayName: Type.Optional(ShortName),
    status: Type.Optional(VaultStatus),
    isDefault: Type.Optional(Type.Boolean()),
    config: Type.Optional(VaultConfig)
  },
  { additionalProperties: false, minProperties: 1 }
)
export type UpdateVault = Static<typeof UpdateVault>

const reading = { owner: 'secrets', auth: { actors: ['board'], role: 'viewer' } } as const
const writing = { owner: 'secrets', auth: { actors: ['board'], role: 'admin' } } as const

export const listVaults = defineRoute({
  ...reading,
  operationId: 'listVaults',
  summary: 'Lists the provider vaults of a company, newest first, disabled ones included.',
  method: 'GET',
  path: '/companies/:companyId/secret-provider-configs',
  schema: { params: CompanyParams, querystring: PageQuery, response: { 200: pageOf(VaultView) } },
  problems: ['company_forbidden', 'invalid_cursor']
})

export const createVault = defineRoute({
  ...writing,
  operationId: 'createVault',
  summary: 'Adds a provider vault. Credentials are never part of it: the deployment has them.',
  method: 'POST',
  path: '/companies/:companyId/secret-provider-configs',
  schema: { params: CompanyParams, body: CreateVault, response: { 201: VaultView } },
  problems: ['company_forbidden', 'read_only_role', 'invalid_request', 'company_shredded']
})

export const getVault = defineRoute({
  ...reading,
  operationId: 'getVault',
  summary: 'Shows a provider vault and what its last health check found.',
  method: 'GET',
  path: '/secret-provider-configs/:id',
  schema: { params: IdParams, response: { 200: VaultView } },
  problems: ['vault_not_found']
})

export const updateVault = defineRoute({
  ...writing,
  operationId: 'updateVault',
  summary:
    'Changes a provider vault; `config` is replaced as a whole. Where values lie stays while secrets depend on it.',
  method: 'PATCH',
  path: '/secret-provider-configs/:id',
  schema: { params: IdParams, body: UpdateVault, response: { 200: VaultView } },
  problems: ['vault_not_found', 'read_only_role', 'invalid_request', 'in_use']
})

export const disableVault = defineRoute({
  ...writing,
  operationId: 'disableVault',
  summary: 'Disables a provider vault: it stays listed, is no default and takes no new values.',
  method: 'DELETE',
  path: '/secret-provider-configs/:id',
  schema: { params: IdParams, response: { 200: VaultView } },
  problems: ['vault_not_found', 'read_only_role']
})

export const setDefaultVault = defineRoute({
  ...writing,
  operationId: 'setDefaultVault',
  summary: 'Makes a provider vault the default of its provider, instead of the former one.',
  method: 'POST',
  path: '/secret-provider-configs/:id/default',
  schema: { params: IdParams, response: { 200: VaultView } },
  problems: ['vault_not_found', 'read_only_role', 'vault_inactive']
})

export const checkVaultHealth = defineRoute({
  ...writing,
  operationId: 'checkVaultHealth',
  callsProvider: true,
  summary: 'Probes what a provider vault leads to, and keeps what was found with it.',
  method: 'POST',
  path: '/secret-provider-configs/:id/health',
  schema: { params: IdParams, response: { 200: VaultHealth } },
  problems: ['vault_not_found', 'read_only_role', 'state_conflict']
})
