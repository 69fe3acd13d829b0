import { type Static, Type } from 'typebox'
import { CompanyParams, IdParams, mapOf, NullableTime, NullableUuid, Time } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { pageOf, pageQuery } from './paging.js'
import { defineRoute } from './route.js'

export const providerIds = ['local_encrypted', 'aws_secrets_manager', 'gcp_secret_manager', 'vault'] as const
export const ProviderId = Type.Enum([...providerIds])
export type ProviderId = (typeof providerIds)[number]

const NullableText = (charsMax: number) => Type.Union([Type.String({ maxLength: charsMax }), Type.Null()])
/** Where a value lies that is not ours: the provider's name or ARN of it. */
const ExternalRef = Type.String({ minLength: 1, maxLength: limits.externalRefCharsMax })
/** A version of it by the provider's own name; null follows whatever is current there. */
const ProviderVersionRef = NullableText(limits.providerVersionRefCharsMax)
/** A key as it is sent; stored and shown in lower case. */
export const SecretKey = Type.String({
  minLength: 1,
  maxLength: limits.keyCharsMax,
  pattern: '^[A-Za-z0-9_.-]+$'
})

/** Flat, non-secret facts about a linked secret. */
export const ProviderMetadata = mapOf(
  Type.Union([Type.String({ maxLength: 256 }), Type.Number(), Type.Boolean(), Type.Null()]),
  { nameCharsMax: 64, membersMax: limits.providerMetadataMembersMax }
)

export const SecretStatus = Type.Enum(['active', 'disabled', 'archived', 'deleted'])
export const SecretView = Type.Object(
  {
    id: Uuid,
    companyId: Uuid,
    key: Type.String({ maxLength: limits.keyCharsMax }),
    name: Type.String({ maxLength: limits.nameCharsMax }),
    provider: ProviderId,
    status: SecretStatus,
    managedMode: Type.Enum(['paperclip_managed', 'external_reference']),
    externalRef: NullableText(limits.externalRefCharsMax),
    providerConfigId: NullableUuid,
    providerMetadata: Type.Union([ProviderMetadata, Type.Null()]),
    latestVersion: Type.Integer({ minimum: 0 }),
    description: NullableText(limits.descriptionCharsMax),
    referenceCount: Type.Integer({ minimum: 0 }),
    lastResolvedAt: NullableTime,
    lastRotatedAt: NullableTime,
    deletedAt: NullableTime,
    createdByAgentId: NullableUuid,
    createdByUserId: NullableText(64),
    createdAt: Time,
    updatedAt: Time
  },
  { additionalProperties: false }
)
export type SecretView = Static<typeof SecretView>

/** A value: at most 65,536 bytes of UTF-8, which the service counts; the schema bounds the characters. */
const Value = Type.String({ maxLength: limits.valueBytesMax })

export const CreateSecret = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: limits.nameCharsMax }),
    key: Type.Optional(SecretKey),
    description: Type.Optional(NullableText(limits.descriptionCharsMax)),
    provider: Type.Optional(ProviderId),
    providerConfigId: Type.Optional(NullableUuid),
    managedMode: Type.Optional(Type.Enum(['paperclip_managed', 'external_reference'])),
    value: Type.Optional(Value),
    externalRef: Type.Optional(ExternalRef),
    providerVersionRef: Type.Optional(ProviderVersionRef),
    providerMetadata: Type.Optional(Type.Union([ProviderMetadata, Type.Null()]))
  },
  { additionalProperties: false }
)
export type CreateSecret = Static<typeof CreateSecret>

/**
 * What may change without a new version. `externalRef` and `providerConfigId` are named so that a change of them is
 * told what it is: where a value lies changes by rotation, and what repeats the present one changes nothing.
 */
export const UpdateSecret = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: limits.nameCharsMax })),
    key: Type.Optional(SecretKey),
    description: Type.Optional(NullableText(limits.descriptionCharsMax)),
    status: Type.Optional(SecretStatus),
    externalRef: Type.Optional(NullableText(limits.externalRefCharsMax)),
    providerConfigId: Type.Optional(NullableUuid)
  },
  { additionalProperties: false, minProperties: 1 }
)
export type UpdateSecret = Static<typeof UpdateSecret>

/**
 * A managed secret takes a `value`; an external reference is pointed elsewhere. What is left out stays, but for a
 * pinned `providerVersionRef`, which ends when the reference or its vault changes.
 */
export const RotateSecret = Type.Object(
  {
    value: Type.Optional(Value),
    externalRef: Type.Optional(ExternalRef),
    providerVersionRef: Type.Optional(ProviderVersionRef),
    providerConfigId: Type.Optional(NullableUuid),
    expectedLatestVersion: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 }))
  },
  { additionalProperties: false }
)
export type RotateSecret = Static<typeof RotateSecret>

export const SecretQuery = Type.Object(
  {
    ...pageQuery,
    status: Type.Optional(Type.Enum(['active', 'disabled', 'archived'])),
    provider: Type.Optional(ProviderId),
    query: Type.Optional(Type.String({ maxLength: limits.queryCharsMax }))
  },
  { additionalProperties: false }
)
export type SecretQuery = Static<typeof SecretQuery>

export const listSecrets = defineRoute({
  operationId: 'listSecrets',
  summary: 'Lists the secrets of a company, newest first, without deleted ones. Never a value.',
  method: 'GET',
  path: '/companies/:companyId/secrets',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: CompanyParams, querystring: SecretQuery, response: { 200: pageOf(SecretView) } },
  problems: ['company_forbidden', 'invalid_cursor']
})

/** What a provider may answer to a value that is brought to it. */
const writeProblems = [
  'write_in_progress',
  'provider_not_configured',
  'provider_access_denied',
  'provider_not_found',
  'provider_rejected',
  'outcome_unknown',
  'provider_throttled',
  'provider_unavailable'
] as const

/** What may forbid a reference to a value of somebody else's. */
const referenceProblems = [
  'external_ref_invalid',
  'external_ref_managed',
  'external_ref_not_allowed'
] as const

export const createSecret = defineRoute({
  operationId: 'createSecret',
  callsProvider: true,
  summary: 'Stores a secret, encrypted; the reply holds metadata only.',
  method: 'POST',
  path: '/companies/:companyId/secrets',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: CompanyParams, body: CreateSecret, response: { 201: SecretView } },
  bodyBytesMax: limits.valueBodyBytesMax,
  problems: [
    'company_forbidden',
    'read_only_role',
    'name_taken',
    'key_taken',
    'key_required',
    'value_blank',
    'value_placeholder',
    'infra_secret',
    'external_ref_unsupported',
    'provider_unsupported',
    'vault_not_found',
    'vault_inactive',
    'vault_mismatch',
    'state_conflict',
    'company_shredded',
    'provider_name_reserved',
    ...writeProblems,
    ...referenceProblems
  ]
})

export const getSecret = defineRoute({
  operationId: 'getSecret',
  summary: "Shows one secret's metadata.",
  method: 'GET',
  path: '/secrets/:id',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: IdParams, response: { 200: SecretView } },
  problems: ['secret_not_found']
})

export const updateSecret = defineRoute({
  operationId: 'updateSecret',
  summary: 'Changes name, key, description or status; `deleted` only for an external reference.',
  method: 'PATCH',
  path: '/secrets/:id',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: IdParams, body: UpdateSecret, response: { 200: SecretView } },
  problems: [
    'secret_not_found',
    'read_only_role',
    'name_taken',
    'key_taken',
    'key_frozen',
    'in_use',
    'infra_secret',
    'reference_frozen',
    'status_unsupported',
    // The name may be that of a secret which is just being written.
    ...writeProblems
  ]
})

/**
 * What became of the values of a deleted secret where they lay elsewhere. `none`: they lay here, and are gone.
 * `scheduled`: the provider forgets them after its recovery window. `pending`: it could not be told yet, and is asked
 * until it takes it. `kept`: left alone, as an external reference is, and whatever lies in a disabled vault.
 */
export const DeletedSecret = Type.Object(
  { ok: Type.Literal(true), remote: Type.Enum(['none', 'scheduled', 'pending', 'kept']) },
  { additionalProperties: false }
)
export type DeletedSecret = Static<typeof DeletedSecret>
export const deleteSecret = defineRoute({
  operationId: 'deleteSecret',
  callsProvider: true,
  summary: 'Deletes a secret and its material; 409 while it is bound, unless forced. History stays.',
  method: 'DELETE',
  path: '/secrets/:id',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'operator' },
  schema: {
    params: IdParams,
    querystring: Type.Object({ force: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
    response: { 200: DeletedSecret }
  },
  problems: ['secret_not_found', 'read_only_role', 'in_use']
})

/** The secret as it is now, and what whoever rotated it should know. */
export const RotatedSecret = Type.Object(
  {
    ...SecretView.properties,
    warnings: Type.Optional(Type.Array(Type.String({ maxLength: 500 }), { maxItems: 10 }))
  },
  { additionalProperties: false }
)
export type RotatedSecret = Static<typeof RotatedSecret>

export const rotateSecret = defineRoute({
  operationId: 'rotateSecret',
  callsProvider: true,
  summary:
    'Adds a version, which `latest` means from then on: a new value, or another place of an external reference. Pinned versions stay.',
  method: 'POST',
  path: '/secrets/:id/rotate',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: IdParams, body: RotateSecret, response: { 200: RotatedSecret } },
  bodyBytesMax: limits.valueBodyBytesMax,
  problems: [
    'secret_not_found',
    'read_only_role',
    'version_conflict',
    'secret_inactive',
    'value_blank',
    'value_placeholder',
    'infra_secret',
    'value_external',
    'external_ref_unsupported',
    'reference_frozen',
    'provider_unsupported',
    'vault_not_found',
    'vault_inactive',
    'vault_mismatch',
    'state_conflict',
    'company_shredded',
    'provider_name_reserved',
    ...writeProblems,
    ...referenceProblems
  ]
})

export const TargetType = Type.Enum(['agent', 'project'])
export type TargetType = Static<typeof TargetType>
