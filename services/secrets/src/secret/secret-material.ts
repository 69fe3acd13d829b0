import type { SecretProvider, StoredVersion, ValuePlace } from '../provider/provider.js'
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
): Promise<StoredVersion> {
  const providerConfigId = vault?.id ?? null
  if ('value' in material)
    return { ...(await provider.writeVersion(place, material.value, vault)), providerConfigId }
  const reference = await provider.checkReference(material.reference, { companyId: place.companyId, vault })
  return { sealed: null, ...reference, providerConfigId }
}
