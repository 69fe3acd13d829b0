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
  const name = input.name === undefined || input.name === secret.name ? secret.name : checkName(input.name)
  const key = input.key === undefined || input.key === secret.key ? secret.key : checkKey(input.key)
  const description =
    input.description === undefined || input.description === secret.description
      ? secret.description
      : checkDescription(input.description)
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
  const renamed = changes.name === undefined ? [] : [changes.name]
  refuseInfraSecret(...renamed, ...(changes.key === undefined ? [] : [input.key ?? changes.key]))
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
