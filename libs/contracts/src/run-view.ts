import { type Static, Type } from 'typebox'
import { OpenedBy } from './actor.js'
import { NullableTime, NullableUuid, Time } from './common.js'
import { Uuid } from './ids.js'

export const RunStatus = Type.Enum(['running', 'succeeded', 'failed', 'cancelled', 'expired'])

/** `leaseExpiresAt` is null for a run without a lease; `expiresAt` is its end whatever its lease says. */
export const RunView = Type.Object(
  {
    id: Uuid,
    companyId: Uuid,
    agentId: Uuid,
    projectId: NullableUuid,
    status: RunStatus,
    openedBy: OpenedBy,
    leaseExpiresAt: NullableTime,
    expiresAt: Time,
    startedAt: Time,
    finishedAt: NullableTime
  },
  { additionalProperties: false }
)
export type RunView = Static<typeof RunView>
