import type { RotateSecret } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { ExternalReference, ProviderDescriptor } from '../provider/provider.js'
import {
  checkExternalRef,
  checkNewValue,
  checkVersionRef,
  invalid,
  type NewMaterial
} from './secret-input.js'
import type { SecretRow } from './secret-store.js'

/** What a rotation starts from. */
interface Rotated {
  readonly secret: SecretRow
  /** The newest version's name at the provider. */
  readonly providerVersionRef: string | null
  readonly descriptor: ProviderDescriptor
}

/** What a rotation amounts to. */
export interface PlannedRotation {
  readonly material: NewMaterial
  /** The vault of the new version: that of the secret unless another one, or none, is named. */
  readonly vaultId: string | null
}

/**
 * Says what a new version is made of, and where: a value for a managed secret, another place for an external
 * reference. Throws `invalid_request`, `value_placeholder`, `value_external`, `reference_frozen`,
 * `external_ref_unsupported`.
 */
export function planRotation(input: RotateSecret, rotated: Rotated): PlannedRotation {
  const { secret } = rotated
  const named = input.providerConfigId
  const vaultId = named === undefined ? secret.provider_config_id : (named?.toLowerCase() ?? null)
  const material =
    secret.managed_mode === 'external_reference'
      ? { reference: repointed(input, rotated, vaultId) }
      : { value: newValue(input, rotated) }
  return { material, vaultId }
}

function newValue(input: RotateSecret, { secret, descriptor }: Rotated): Buffer {
  const isMove = input.externalRef !== undefined && input.externalRef !== secret.external_ref
  if (isMove || input.providerVersionRef != null) throw refusedReference(descriptor)
  if (input.value === undefined) throw invalid('/value', 'is required: send the new value')
  return checkNewValue(input.value)
}

function refusedReference({ id, supportsExternalReferences }: ProviderDescriptor): AppError {
  return supportsExternalReferences
    ? new AppError('reference_frozen', {
        detail: 'Where a managed value lies is decided where it is written. Send the new value alone.'
      })
    : new AppError('external_ref_unsupported', {
        detail: `The provider ${id} holds values itself and has no external references.`
      })
}

/** A pinned version belongs to its place: it ends when that changes, unless another one is named. */
function repointed(
  input: RotateSecret,
  { secret, providerVersionRef: pinned }: Rotated,
  vaultId: string | null
): ExternalReference {
  if (input.value !== undefined)
    throw new AppError('value_external', {
      detail: 'The value lies elsewhere: change it there, or point this secret at another reference.'
    })
  const present = secret.external_ref
  if (present === null) throw new TypeError('an external reference without a reference')
  const { providerConfigId, providerVersionRef } = input
  if (providerConfigId === null && input.externalRef === undefined && providerVersionRef === undefined)
    throw invalid('/providerConfigId', 'must be named, or go with another change')
  const externalRef = input.externalRef === undefined ? present : checkExternalRef(input.externalRef)
  const isSamePlace = externalRef === present && vaultId === secret.provider_config_id
  const kept = isSamePlace ? pinned : null
  const version = providerVersionRef === undefined ? kept : checkVersionRef(providerVersionRef)
  if (isSamePlace && version === pinned)
    throw invalid('', 'changes nothing: name another externalRef, providerVersionRef or providerConfigId')
  return { externalRef, providerVersionRef: version }
}
