import type { UpdateSecret } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { isSealedHere } from '../provider/provider.js'
import { checkDescription, checkKey, checkName, refuseInfraSecret } from './secret-input.js'
import type { SecretRow } from './secret-store.js'

/** Columns to write; only those that differ from what is stored. */
export interface SecretChanges {
  name?: string
  key?: string
  description?: string | null
  status?: 'active' | 'disabled' | 'archived'
}

/** What an update amounts to. */
export interface PlannedUpdate {
  readonly changes: SecretChanges
  /** The secret is to be deleted: an external reference only. */
  readonly deletes: boolean
}

/**
 * Compares an update with the secret as it is. What repeats the present state is no change, so that a whole row can
 * be sent back. Throws `reference_frozen`, `key_frozen`, `status_unsupported` or `infra_secret`.
 */
export function planUpdate(secret: SecretRow, input: UpdateSecret): PlannedUpdate {
  refuseMove(secret, input)
  const deletes = input.status === 'deleted'
  if (deletes && secret.managed_mode === 'paperclip_managed')
    throw new AppError('status_unsupported', {
      detail: 'Only an external reference is deleted by its status. Use DELETE: it removes the value as well.'
    })
  const name = judged(input.name, secret.name, checkName)
  const key = judged(input.key, secret.key, checkKey)
  const description = judged(input.description, secret.description, checkDescription)
  const status = input.status
  const changes: SecretChanges = {
    ...(name === secret.name ? {} : { name }),
    ...(key === secret.key ? {} : { key }),
    ...(description === secret.description ? {} : { description }),
    ...(status === undefined || status === 'deleted' || status === secret.status ? {} : { status })
  }
  if (changes.key !== undefined && secret.managed_mode === 'paperclip_managed' && !isSealedHere(secret))
    throw new AppError('key_frozen', {
      detail: 'The remote secret is named by this key. Create another secret to have another key.'
    })
  // The key as it was sent: in lower case it no longer shows where its words begin.
  const renamed = [changes.name, changes.key === undefined ? undefined : input.key]
  refuseInfraSecret(...renamed.filter((text) => text !== undefined))
  return { changes, deletes }
}

function refuseMove(secret: SecretRow, { externalRef, providerConfigId }: UpdateSecret): void {
  const isMove =
    (externalRef !== undefined && externalRef !== secret.external_ref) ||
    (providerConfigId !== undefined &&
      (providerConfigId?.toLowerCase() ?? null) !== secret.provider_config_id)
  if (!isMove) return
  const detail =
    secret.managed_mode === 'external_reference'
      ? 'An external reference is pointed elsewhere by rotating it, so that pinned versions keep what they mean.'
      : 'The place of a managed value follows from its secret. A new version may lie in another vault: rotate it.'
  throw new AppError('reference_frozen', { detail })
}

/** What is sent back as it is stored passes: it may be from before a rule that it would fail today. */
function judged<T>(sent: T | undefined, stored: T, check: (sent: T) => T): T {
  return sent === undefined || sent === stored ? stored : check(sent)
}
