import type { Authorize } from './iam-policy.js'
import type { RemoteAccount } from './remote-account.js'
import { ServiceError } from './service-error.js'

export type KeyUse = 'kms:GenerateDataKey' | 'kms:Decrypt'

/** The key that a request names by ARN or id; null is the service's own, which takes no permission to use. */
export function keyArnOf(account: RemoteAccount, keyId: string | null): string | null {
  if (keyId === null || keyId.startsWith('arn:')) return keyId
  return `arn:${account.partition}:kms:${account.region}:${account.accountId}:key/${keyId}`
}

/** Uses a key on the caller's behalf: the caller needs the permission, and the key must be in order. */
export function useKey(
  account: RemoteAccount,
  authorize: Authorize,
  keyArn: string | null,
  uses: readonly KeyUse[]
): void {
  if (keyArn === null) return
  for (const use of uses) authorize(use, keyArn)
  if (account.keys.get(keyArn) === 'enabled') return
  const type = uses.includes('kms:GenerateDataKey') ? 'EncryptionFailure' : 'DecryptionFailure'
  throw new ServiceError(type, `the key ${keyArn} is not there, not enabled, or about to be deleted`)
}
