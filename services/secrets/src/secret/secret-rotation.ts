import type { RotateSecret } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { ExternalReference, ProviderDescriptor } from '../provider/provider.js'
import {
  checkExternalRef,
  checkNewValue,
  checkVersionRef,
  invalid,
  type NewMaterial,
  requireNoVault
} from './secret-input.js'
import type { SecretRow } from './secret-store.js'

/** What a rotation starts from. */
interface Rotated {
  readonly secret: SecretRow
  /** The newest version's name at the provider. */
  readonly providerVersionRef: string | null
  readonly descriptor: ProviderDescriptor
}

/**
 * Says what a new version is made of: a value for a managed secret, another place for an external reference. Throws
 * `invalid_request`, `value_placeholder`, `value_external`, `reference_frozen`, `external_ref_unsupported`.
 */
export function planRotation(input: RotateSecret, rotated: Rotated): NewMaterial {
  return rotated.secret.managed_mode === 'external_reference'
    ? { reference: repointed(input, rotated) }
    : { value: newValue(input, rotated) }
}

function newValue(input: RotateSecret, { secret, descriptor }: Rotated): Buffer {
  const isMove = input.externalRef !== undefined && input.externalRef !== secret.external_ref
  if (isMove || input.providerVersionRef != null) throw refusedReference(descriptor)
  requireNoVault(input.providerConfigId)
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

/** A pinned version belongs to its reference: it ends when that changes, unless another one is named. */
function repointed(input: RotateSecret, { secret, providerVersionRef: pinned }: Rotated): ExternalReference {
  if (input.value !== undefined)
    throw new AppError('value_external', {
      detail: 'The value lies elsewhere: change it there, or point this secret at another reference.'
    })
  requireNoVault(input.providerConfigId)
  const present = secret.external_ref
  if (present === null) throw new TypeError('an external reference without a reference')
  const externalRef = input.externalRef === undefined ? present : checkExternalRef(input.externalRef)
  const kept = externalRef === present ? pinned : null
  const providerVersionRef =
    input.providerVersionRef === undefined ? kept : checkVersionRef(input.providerVersionRef)
  if (externalRef === present && providerVersionRef === pinned)
    throw invalid('', 'changes nothing: name another externalRef or providerVersionRef')
  return { externalRef, providerVersionRef }
}
