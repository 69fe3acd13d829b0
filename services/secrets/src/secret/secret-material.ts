import { AppError } from '@paperclip/server'
import type { PlacedValue, SecretProvider, ValuePlace } from '../provider/provider.js'
import type { ChosenVault } from '../vault/chosen-vault.js'
import type { NewMaterial } from './secret-input.js'

interface ToStore {
  readonly place: ValuePlace
  readonly material: NewMaterial
  readonly vault: ChosenVault | null
}

/** Has a value kept by its provider, or a reference judged. It may take long, so it belongs before a transaction. */
export async function storeMaterial(
  provider: SecretProvider,
  { place, material, vault }: ToStore
): Promise<PlacedValue> {
  const providerConfigId = vault?.id ?? null
  if ('value' in material) {
    if (provider.storage.kind !== 'sealed') throw new AppError('provider_unsupported')
    return { ...(await provider.storage.seal(place, material.value)), providerConfigId }
  }
  const reference = await provider.checkReference(material.reference, { companyId: place.companyId, vault })
  return { sealed: null, ...reference, providerConfigId }
}
