import { type Static, Type } from 'typebox'
import { IdParams, NullableUuid, Time } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'

const NullableText = (charsMax: number) => Type.Union([Type.String({ maxLength: charsMax }), Type.Null()])

export const SecretVersionView = Type.Object(
  {
    version: Type.Integer({ minimum: 1 }),
    status: Type.Enum(['current', 'previous', 'disabled', 'destroyed']),
    createdAt: Time,
    createdByUserId: NullableText(64),
    createdByAgentId: NullableUuid,
    providerVersionRef: NullableText(limits.providerVersionRefCharsMax)
  },
  { additionalProperties: false }
)
export type SecretVersionView = Static<typeof SecretVersionView>

export const listSecretVersions = defineRoute({
  operationId: 'listSecretVersions',
  summary: 'Lists the versions of a secret, newest first.',
  method: 'GET',
  path: '/secrets/:id/versions',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: IdParams, querystring: PageQuery, response: { 200: pageOf(SecretVersionView) } },
  problems: ['secret_not_found', 'invalid_cursor']
})

const VersionParams = Type.Object(
  { id: Uuid, version: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) },
  { additionalProperties: false }
)

/** What all three changes of a version share. Each may be repeated: what is so already is answered as it is. */
const change = {
  method: 'POST',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: VersionParams, response: { 200: SecretVersionView } }
} as const

export const disableSecretVersion = defineRoute({
  ...change,
  operationId: 'disableSecretVersion',
  summary: 'Refuses a version until it is enabled again; `latest` never falls back to an older one.',
  path: '/secrets/:id/versions/:version/disable',
  problems: ['secret_not_found', 'version_not_found', 'read_only_role', 'state_conflict']
})

export const enableSecretVersion = defineRoute({
  ...change,
  operationId: 'enableSecretVersion',
  summary: 'Enables a disabled version: the newest becomes current, any other previous.',
  path: '/secrets/:id/versions/:version/enable',
  problems: ['secret_not_found', 'version_not_found', 'read_only_role', 'state_conflict']
})

export const destroySecretVersion = defineRoute({
  ...change,
  operationId: 'destroySecretVersion',
  summary: 'Removes the material of a version for good.',
  path: '/secrets/:id/versions/:version/destroy',
  problems: ['secret_not_found', 'version_not_found', 'read_only_role', 'destroy_unsupported']
})
