import { type Static, Type } from 'typebox'
import { NullableTime, Time } from './common.js'
import { Uuid } from './ids.js'
import { defineRoute } from './route.js'

const MasterKeyId = Type.String({ pattern: '^mk_[0-9a-f]{16}$', maxLength: 19 })
const Count = Type.Integer({ minimum: 0 })
const MasterKeyParams = Type.Object({ masterKeyId: MasterKeyId }, { additionalProperties: false })

/** Far more than anybody rotates or runs; without a bound a reply could not be checked. */
const rowsMax = 1_000

/**
 * A master key as the instance knows it: an id and numbers, never key material.
 *
 * `waiting`: configured, and wraps nothing until a rotation activates it. `active`: the one that wraps. `former`:
 * wrapped once and still opens. `retired`: opens nothing any more.
 */
export const MasterKeyView = Type.Object(
  {
    id: MasterKeyId,
    state: Type.Enum(['waiting', 'active', 'former', 'retired']),
    createdAt: Time,
    activatedAt: NullableTime,
    retiredAt: NullableTime,
    /** Company keys that only this key opens. */
    companyKeys: Count,
    /** Live processes of the secrets service that hold it. */
    heldBy: Count,
    /** Nothing stored needs it any more: it may be taken out of the configuration. */
    safeToRemove: Type.Boolean()
  },
  { additionalProperties: false }
)
export type MasterKeyView = Static<typeof MasterKeyView>

/** A live process of the secrets service and the keys it holds, each with the file or variable it came from. */
export const MasterKeyProcess = Type.Object(
  {
    id: Uuid,
    host: Type.String({ maxLength: 255 }),
    pid: Type.Integer({ minimum: 0 }),
    startedAt: Time,
    /** Until then it counts as alive, also when it has died. */
    leaseUntil: Time,
    keys: Type.Array(
      Type.Object(
        { id: MasterKeyId, source: Type.String({ maxLength: 255 }) },
        { additionalProperties: false }
      ),
      { maxItems: rowsMax }
    )
  },
  { additionalProperties: false }
)
export type MasterKeyProcess = Static<typeof MasterKeyProcess>

export const MasterKeyStatus = Type.Object(
  {
    keys: Type.Array(MasterKeyView, { maxItems: rowsMax }),
    processes: Type.Array(MasterKeyProcess, { maxItems: rowsMax })
  },
  { additionalProperties: false }
)
export type MasterKeyStatus = Static<typeof MasterKeyStatus>

const adminOnly = { actors: ['board'], instanceAdmin: true } as const

export const getMasterKeys = defineRoute({
  operationId: 'getMasterKeys',
  summary: 'Lists the master keys by id, newest first, what each still wraps, and which processes hold them.',
  method: 'GET',
  path: '/admin/master-keys',
  owner: 'secrets',
  auth: adminOnly,
  schema: { response: { 200: MasterKeyStatus } },
  problems: ['forbidden']
})

/** Without `masterKeyId`: the one key that is waiting, else the active one again. */
export const RotateMasterKey = Type.Object(
  { masterKeyId: Type.Optional(MasterKeyId) },
  { additionalProperties: false }
)
export type RotateMasterKey = Static<typeof RotateMasterKey>

/** What one call has done. While `remaining` is more than `failed`, calling again goes on. */
export const MasterKeyRotation = Type.Object(
  {
    activeKeyId: MasterKeyId,
    /** This call made it the one that wraps. */
    activated: Type.Boolean(),
    /** Company keys wrapped again by this call. */
    rewrapped: Count,
    /** Company keys that did not verify, and stay as they are. */
    failed: Count,
    /** Company keys that other master keys still wrap. */
    remaining: Count
  },
  { additionalProperties: false }
)
export type MasterKeyRotation = Static<typeof MasterKeyRotation>

export const rotateMasterKey = defineRoute({
  operationId: 'rotateMasterKey',
  summary:
    'Activates the waiting master key and wraps company keys again, for some seconds; repeat while some remain.',
  method: 'POST',
  path: '/admin/master-keys/rotate',
  owner: 'secrets',
  auth: adminOnly,
  schema: { body: RotateMasterKey, response: { 200: MasterKeyRotation } },
  problems: ['forbidden', 'not_found', 'state_conflict', 'master_key_unavailable']
})

export const retireMasterKey = defineRoute({
  operationId: 'retireMasterKey',
  summary: 'Retires a master key that wraps nothing any more: from then on it opens nothing.',
  method: 'POST',
  path: '/admin/master-keys/:masterKeyId/retire',
  owner: 'secrets',
  auth: adminOnly,
  schema: { params: MasterKeyParams, response: { 200: MasterKeyView } },
  problems: ['forbidden', 'not_found', 'state_conflict', 'in_use']
})
