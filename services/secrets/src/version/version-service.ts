import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { isSealedHere } from '../provider/provider.js'
import { activityOf, changing, lockForChange } from '../secret/secret-change.js'
import type { SecretRow } from '../secret/secret-store.js'
import { findVersion, updateVersionStatus, type VersionRow } from './version-store.js'

/** Which version of which secret. */
export interface VersionChoice {
  readonly id: string
  readonly version: number
}

/**
 * The states of versions: current and previous ones may be disabled and enabled again, and every one may be destroyed,
 * which is final. What is so already is no change and is not recorded. From the acknowledgement on, no resolve that
 * starts later reads another state, on any process: each reads the row itself.
 *
 * All throw `secret_not_found` and `version_not_found`; a secret that is not active may be changed too.
 */
export interface VersionService {
  /** Throws `state_conflict` for a destroyed version. The newest one, once disabled, leaves `latest` without a value. */
  disable(caller: Caller, choice: VersionChoice): Promise<VersionRow>
  /** Throws `state_conflict` for a destroyed version. */
  enable(caller: Caller, choice: VersionChoice): Promise<VersionRow>
  /** Removes the material for good. Throws `destroy_unsupported` where a managed value lies at a remote provider. */
  destroy(caller: Caller, choice: VersionChoice): Promise<VersionRow>
}

type Status = 'current' | 'previous' | 'disabled' | 'destroyed'

/** Gives the status a version takes; the one it has when nothing changes. */
type Move = (from: Status, facts: { secret: SecretRow; version: number }) => Status

const moves: Record<'disabled' | 'enabled' | 'destroyed', Move> = {
  disabled: (from) => {
    refuseDestroyed(from)
    return 'disabled'
  },
  enabled: (from, { secret, version }) => {
    refuseDestroyed(from)
    if (from !== 'disabled') return from
    return version === secret.latest_version ? 'current' : 'previous'
  },
  destroyed: (_, { secret }) => {
    if (secret.managed_mode === 'paperclip_managed' && !isSealedHere(secret))
      throw new AppError('destroy_unsupported', {
        detail: `The provider ${secret.provider} removes whole secrets only. Disable the version, or delete the secret.`
      })
    return 'destroyed'
  }
}

/** Makes the service. */
export function createVersionService(db: Db<SecretsDatabase>): VersionService {
  const change = (move: keyof typeof moves) => (caller: Caller, choice: VersionChoice) =>
    changing(db, caller, (tx) => moveVersion(tx, { caller, choice, move }))
  return { disable: change('disabled'), enable: change('enabled'), destroy: change('destroyed') }
}

async function moveVersion(
  tx: Tx<SecretsDatabase>,
  {
    caller,
    choice: { id, version },
    move
  }: { caller: Caller; choice: VersionChoice; move: keyof typeof moves }
): Promise<VersionRow> {
  const secret = await lockForChange(tx, caller, id)
  const place = { companyId: secret.company_id, secretId: id, version }
  const found = await findVersion(tx, place)
  if (found === undefined) throw new AppError('version_not_found')
  const to = moves[move](statusOf(found), { secret, version })
  if (to === found.status) return found
  const changed = await updateVersionStatus(tx, place, to)
  await insertActivity(tx, caller, activityOf(`secret_version.${move}`, secret, { version }))
  return changed
}

/** A version with a number is neither pending nor failed: the table says so. */
function statusOf({ status }: VersionRow): Status {
  if (status === 'pending' || status === 'failed') throw new TypeError('a numbered version was never written')
  return status
}

function refuseDestroyed(from: Status): void {
  if (from === 'destroyed')
    throw new AppError('state_conflict', {
      detail: 'The version was destroyed; its material is gone for good.'
    })
}
