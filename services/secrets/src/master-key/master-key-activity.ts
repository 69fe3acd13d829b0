import type { Activity } from '../audit/activity-store.js'

const of = (action: string, masterKeyId: string, metadata: Activity['metadata']): Activity => ({
  companyId: null,
  action: `master_key.${action}`,
  entityType: 'master_key',
  entityId: masterKeyId,
  metadata
})

/** Another master key wraps from now on. */
export function rotatedActivity(masterKeyId: string, formerMasterKeyId: string | null): Activity {
  return of('rotated', masterKeyId, { formerMasterKeyId })
}

/** Company keys were wrapped again, under this one. */
export function rewrappedActivity(masterKeyId: string, companyKeys: number): Activity {
  return of('rewrapped', masterKeyId, { companyKeys })
}

/** It opens nothing any more. */
export function retiredActivity(masterKeyId: string): Activity {
  return of('retired', masterKeyId, {})
}
