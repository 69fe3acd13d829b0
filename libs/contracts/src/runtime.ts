import { type Static, Type } from 'typebox'
import { OpenedBy, RequestId } from './actor.js'
import { NullableUuid } from './common.js'
import { ResolveId, Uuid } from './ids.js'
import { limits } from './limits.js'
import { defineRoute } from './route.js'
import { ProviderId, SecretKey, TargetType } from './secret.js'

const VersionSelector = Type.Union([Type.Literal('latest'), Type.Integer({ minimum: 1 })])
const EnvironmentName = Type.String({ maxLength: limits.environmentNameCharsMax })

export const RunSecrets = Type.Object(
  {
    secrets: Type.Array(
      Type.Object(
        {
          secretRef: Type.String({ maxLength: 140 }),
          key: Type.String({ maxLength: limits.keyCharsMax }),
          name: Type.String({ maxLength: limits.nameCharsMax }),
          description: Type.Union([Type.String({ maxLength: limits.descriptionCharsMax }), Type.Null()]),
          configPath: Type.String({ maxLength: 300 }),
          latestVersion: Type.Integer({ minimum: 0 }),
          versionSelector: VersionSelector,
          resolvedVersion: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])
        },
        { additionalProperties: false }
      ),
      { maxItems: 2 * limits.environmentEntriesMax }
    )
  },
  { additionalProperties: false }
)
export type RunSecrets = Static<typeof RunSecrets>

export const listRunSecrets = defineRoute({
  operationId: 'listRunSecrets',
  summary: 'Lists the secrets bound to the calling run, without values.',
  method: 'GET',
  path: '/agents/me/secrets',
  owner: 'secrets',
  auth: { actors: ['run'] },
  schema: { response: { 200: RunSecrets } }
})

export const RevealedValue = Type.Object(
  {
    key: Type.String({ maxLength: limits.keyCharsMax }),
    value: Type.String(),
    version: Type.Integer({ minimum: 1 })
  },
  { additionalProperties: false }
)
export type RevealedValue = Static<typeof RevealedValue>

/** What may stand between a version and its value where that lies at a provider. */
const readProblems = [
  'value_not_text',
  'reference_mismatch',
  'external_ref_invalid',
  'external_ref_managed',
  'external_ref_not_allowed',
  'provider_not_configured',
  'provider_access_denied',
  'provider_not_found',
  'provider_rejected',
  'provider_throttled',
  'provider_unavailable'
] as const

export const revealRunSecret = defineRoute({
  operationId: 'revealRunSecret',
  summary: 'Gives the calling run one bound value; the access is recorded first.',
  method: 'POST',
  path: '/agents/me/secrets/:key/value',
  owner: 'secrets',
  auth: { actors: ['run'] },
  schema: {
    params: Type.Object({ key: SecretKey }, { additionalProperties: false }),
    response: { 200: RevealedValue }
  },
  problems: [
    'binding_forbidden',
    ...readProblems,
    'secret_inactive',
    'secret_deleted',
    'version_inactive',
    'version_missing',
    'integrity_failure',
    'company_shredded',
    'master_key_unavailable',
    'audit_unavailable',
    'overloaded'
  ],
  noStore: true,
  callsProvider: true
})

export const ResolvedEnvironment = Type.Object(
  {
    env: Type.Record(EnvironmentName, Type.String()),
    manifest: Type.Array(
      Type.Object(
        {
          configPath: Type.String({ maxLength: 300 }),
          envKey: EnvironmentName,
          secretId: Uuid,
          secretKey: Type.String({ maxLength: limits.keyCharsMax }),
          version: Type.Integer({ minimum: 1 }),
          provider: ProviderId,
          outcome: Type.Enum(['success'])
        },
        { additionalProperties: false }
      ),
      { maxItems: 2 * limits.environmentEntriesMax }
    )
  },
  { additionalProperties: false }
)
export type ResolvedEnvironment = Static<typeof ResolvedEnvironment>

/** The worst binding's code is that of the reply; `errors` has one for each path. */
const resolveProblems = [
  ...readProblems,
  'secret_inactive',
  'secret_deleted',
  'version_inactive',
  'version_missing',
  'integrity_failure',
  'company_shredded',
  'provider_unsupported',
  'env_too_large',
  'master_key_unavailable',
  'audit_unavailable',
  'overloaded'
] as const

export const resolveRunEnvironment = defineRoute({
  operationId: 'resolveRunEnvironment',
  summary: 'Gives the calling run its whole environment; every access is recorded first.',
  method: 'POST',
  path: '/agents/me/env',
  owner: 'secrets',
  auth: { actors: ['run'] },
  schema: { response: { 200: ResolvedEnvironment } },
  problems: resolveProblems,
  noStore: true,
  selfTimed: true
})

export const ResolveTarget = Type.Object(
  {
    targetType: TargetType,
    targetId: Uuid,
    projectId: Type.Optional(Uuid),
    runId: Type.Optional(Uuid)
  },
  { additionalProperties: false }
)
export type ResolveTarget = Static<typeof ResolveTarget>

export const resolveEnvironment = defineRoute({
  operationId: 'resolveEnvironment',
  summary: 'Gives an internal service the environment of a target; it is recorded as the opener.',
  method: 'POST',
  path: '/companies/:companyId/env/resolve',
  owner: 'secrets',
  visibility: 'internal',
  auth: { actors: ['service'], scope: 'resolve' },
  schema: {
    params: Type.Object({ companyId: Uuid }, { additionalProperties: false }),
    body: ResolveTarget,
    response: { 200: ResolvedEnvironment }
  },
  problems: [...resolveProblems, 'replayed', 'company_forbidden'],
  noStore: true,
  selfTimed: true
})

/** One run's resolve inside a batch of the gateway: the run is proved, its id is the replay guard. */
export const ResolveItem = Type.Object(
  {
    resolveId: ResolveId,
    requestId: RequestId,
    companyId: Uuid,
    agentId: Uuid,
    projectId: NullableUuid,
    runId: Uuid,
    openedBy: OpenedBy
  },
  { additionalProperties: false }
)
export type ResolveItem = Static<typeof ResolveItem>

/**
 * Resolves several runs' environments for the gateway in one signed request. The reply is framed
 * ({@link resolveFramesMediaType}), so that what is in it passes through unparsed. It comes as a whole, or, when
 * some item must wait for a provider, in parts: those items are announced, and follow one by one.
 */
export const resolveBatch = defineRoute({
  operationId: 'resolveBatch',
  summary: 'Resolves the environments of several runs for the gateway.',
  method: 'POST',
  path: '/resolve-batch',
  owner: 'secrets',
  visibility: 'internal',
  auth: { actors: ['service'], scope: 'activity:write' },
  schema: {
    body: Type.Object(
      { items: Type.Array(ResolveItem, { minItems: 1, maxItems: limits.resolveBatchItemsMax }) },
      { additionalProperties: false }
    ),
    response: { 200: Type.String() }
  },
  bodyBytesMax: limits.internalBodyBytesMax,
  noStore: true,
  selfTimed: true
})

/**
 * Each frame: `<resolve id> <status> <body bytes>\n<body>\n`. The body is one line of JSON; with a status other than
 * 200, a problem document. Ids, lengths and line ends must all agree, so that no fault of the way can give one item
 * what belongs to another one.
 *
 * A frame of status {@link resolvePendingStatus} has no bytes and announces that the item's own frame comes later in
 * the same reply. Once every item has a frame or such an announcement, nothing else is waited for but providers.
 */
export const resolveFramesMediaType = 'application/vnd.paperclip.resolve-frames'

/** See {@link resolveFramesMediaType}. */
export const resolvePendingStatus = 102

/** How long a value may be waited for that lies at a provider, all attempts included, in milliseconds. */
export const providerReadMsMax = 20_000
