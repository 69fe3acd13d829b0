import { type Static, Type } from 'typebox'
import { CompanyParams, Instant, NullableTime, NullableUuid } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { defineRoute } from './route.js'
import { ProviderId, SecretKey } from './secret.js'

/** What stands in the way of a row: the first stands alone, the others may come together. */
export const importConflictTypes = ['exact_reference', 'name', 'key', 'provider_guardrail'] as const
export type ImportConflictType = (typeof importConflictTypes)[number]

/** `existingSecretId`: the secret that is in the way, where there is one that is shown. */
export const ImportConflict = Type.Object(
  {
    type: Type.Enum([...importConflictTypes]),
    message: Type.String({ maxLength: limits.healthTextCharsMax }),
    existingSecretId: NullableUuid
  },
  { additionalProperties: false }
)
export type ImportConflict = Static<typeof ImportConflict>

const Conflicts = Type.Array(ImportConflict, { maxItems: importConflictTypes.length })
const ExternalRef = Type.String({ minLength: 1, maxLength: limits.externalRefCharsMax })
const Token = Type.String({ minLength: 1, maxLength: limits.providerTokenCharsMax })

/**
 * One page of what lies at the provider of a vault. `query` goes into the provider's own log of requests, so it must
 * not be secret; its characters are those that AWS takes in a filter. `nextToken` goes back as it came.
 */
export const PreviewRemoteImport = Type.Object(
  {
    providerConfigId: Uuid,
    query: Type.Optional(
      Type.Union([
        Type.String({
          minLength: 1,
          maxLength: limits.queryCharsMax,
          pattern: '^[A-Za-z0-9 :_@/+=.!-]+$'
        }),
        Type.Null()
      ])
    ),
    nextToken: Type.Optional(Type.Union([Token, Type.Null()])),
    pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.remotePageRowsMax }))
  },
  { additionalProperties: false }
)
export type PreviewRemoteImport = Static<typeof PreviewRemoteImport>

/** What may be said of a remote secret: never its description, tags or key, only that there are some. */
export const RemoteMetadata = Type.Object(
  {
    createdDate: NullableTime,
    lastChangedDate: NullableTime,
    hasDescription: Type.Boolean(),
    hasKmsKey: Type.Boolean(),
    tagCount: Type.Integer({ minimum: 0 })
  },
  { additionalProperties: false }
)
export type RemoteMetadata = Static<typeof RemoteMetadata>

/** `name` and `key` are proposals; a name that no key can be made of has the key "". */
export const ImportCandidate = Type.Object(
  {
    externalRef: ExternalRef,
    remoteName: Type.String({ maxLength: limits.remoteNameCharsMax }),
    name: Type.String({ maxLength: limits.nameCharsMax }),
    key: Type.String({ maxLength: limits.keyCharsMax }),
    providerVersionRef: Type.Null(),
    providerMetadata: RemoteMetadata,
    status: Type.Enum(['ready', 'duplicate', 'conflict']),
    importable: Type.Boolean(),
    conflicts: Conflicts
  },
  { additionalProperties: false }
)
export type ImportCandidate = Static<typeof ImportCandidate>

export const RemoteImportPreview = Type.Object(
  {
    providerConfigId: Uuid,
    provider: ProviderId,
    nextToken: Type.Union([Token, Type.Null()]),
    candidates: Type.Array(ImportCandidate, { maxItems: limits.remotePageRowsMax })
  },
  { additionalProperties: false }
)
export type RemoteImportPreview = Static<typeof RemoteImportPreview>

export const previewRemoteImport = defineRoute({
  operationId: 'previewRemoteImport',
  callsProvider: true,
  summary:
    'Lists one page of what lies at the provider of a vault, and what linking each would collide with. Reads no value.',
  method: 'POST',
  path: '/companies/:companyId/secrets/remote-import/preview',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: CompanyParams, body: PreviewRemoteImport, response: { 200: RemoteImportPreview } },
  problems: [
    'company_forbidden',
    'read_only_role',
    'vault_not_found',
    'vault_inactive',
    'vault_mismatch',
    'preview_in_progress',
    'provider_unsupported',
    'provider_not_configured',
    'provider_access_denied',
    'provider_rejected',
    'provider_throttled',
    'provider_unavailable'
  ]
})

/** The facts of {@link RemoteMetadata} that are to be kept with the secret. */
const KeptMetadata = Type.Object(
  {
    createdDate: Type.Optional(Type.Union([Instant, Type.Null()])),
    lastChangedDate: Type.Optional(Type.Union([Instant, Type.Null()])),
    hasDescription: Type.Optional(Type.Boolean()),
    hasKmsKey: Type.Optional(Type.Boolean()),
    tagCount: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000 }))
  },
  { additionalProperties: false }
)

/** A reference to link. Without a name, that of the remote secret is taken; without a key, one is made of the name. */
export const ImportRow = Type.Object(
  {
    externalRef: ExternalRef,
    name: Type.Optional(Type.String({ minLength: 1, maxLength: limits.nameCharsMax })),
    key: Type.Optional(SecretKey),
    description: Type.Optional(
      Type.Union([Type.String({ maxLength: limits.descriptionCharsMax }), Type.Null()])
    ),
    providerVersionRef: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: limits.providerVersionRefCharsMax }), Type.Null()])
    ),
    providerMetadata: Type.Optional(Type.Union([KeptMetadata, Type.Null()]))
  },
  { additionalProperties: false }
)
export type ImportRow = Static<typeof ImportRow>

export const CommitRemoteImport = Type.Object(
  {
    providerConfigId: Uuid,
    secrets: Type.Array(ImportRow, { minItems: 1, maxItems: limits.importRowsMax })
  },
  { additionalProperties: false }
)
export type CommitRemoteImport = Static<typeof CommitRemoteImport>

/** Why a row was not imported: the first three with `skipped`, the others with `error`. */
export const importReasons = [
  'exact_reference',
  'name_taken',
  'key_taken',
  'external_ref_invalid',
  'external_ref_managed',
  'external_ref_not_allowed',
  'version_ref_invalid',
  'name_invalid',
  'key_required',
  'infra_secret'
] as const
export type ImportReason = (typeof importReasons)[number]

/** What became of a row; `externalRef` is as it was sent, so that rows are found again. */
export const ImportResult = Type.Object(
  {
    externalRef: ExternalRef,
    name: Type.String({ maxLength: limits.nameCharsMax }),
    key: Type.String({ maxLength: limits.keyCharsMax }),
    status: Type.Enum(['imported', 'skipped', 'error']),
    reason: Type.Union([Type.Enum([...importReasons]), Type.Null()]),
    secretId: NullableUuid,
    conflicts: Conflicts
  },
  { additionalProperties: false }
)
export type ImportResult = Static<typeof ImportResult>

const Count = Type.Integer({ minimum: 0, maximum: limits.importRowsMax })
export const RemoteImportReport = Type.Object(
  {
    providerConfigId: Uuid,
    provider: ProviderId,
    importedCount: Count,
    skippedCount: Count,
    errorCount: Count,
    results: Type.Array(ImportResult, { maxItems: limits.importRowsMax })
  },
  { additionalProperties: false }
)
export type RemoteImportReport = Static<typeof RemoteImportReport>

export const commitRemoteImport = defineRoute({
  operationId: 'commitRemoteImport',
  summary:
    'Links remote secrets as external references, each row judged for itself, all in one transaction. Asks the provider nothing.',
  method: 'POST',
  path: '/companies/:companyId/secrets/remote-import',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: CompanyParams, body: CommitRemoteImport, response: { 200: RemoteImportReport } },
  bodyBytesMax: limits.importBodyBytesMax,
  problems: [
    'company_forbidden',
    'read_only_role',
    'vault_not_found',
    'vault_inactive',
    'vault_mismatch',
    'state_conflict',
    'provider_unsupported',
    'provider_not_configured',
    'company_shredded'
  ]
})
