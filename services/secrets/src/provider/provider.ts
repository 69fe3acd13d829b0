import type { ProviderId, VaultConfig } from '@paperclip/contracts'
import type { RemoteStorage } from './remote-storage.js'

/** The row a value belongs to; all of it is authenticated where the value is sealed here. */
export interface ValuePlace {
  readonly companyId: string
  readonly secretId: string
  readonly versionId: string
}

/** What is kept of a value: sealed bytes here, or where it lies. */
export interface StoredValue {
  readonly sealed: Buffer | null
  /** The provider's own name or ARN of the secret; null when the value is sealed here. */
  readonly externalRef: string | null
  /** The provider's own id or label of the version; null follows what is current there. */
  readonly providerVersionRef: string | null
}

/** A stored value, and the vault that leads to it; null: the configuration of the deployment. */
export interface PlacedValue extends StoredValue {
  readonly providerConfigId: string | null
}

/** A vault as the way to values. Whether it takes new ones was asked before; what lies there is read all the same. */
export interface VaultRoute {
  readonly id: string
  readonly config: VaultConfig
}

/** A stored value with all it takes to find it again. */
export interface StoredVersion extends StoredValue {
  readonly vault: VaultRoute | null
  /** The key of its secret, which names the remote one of a managed secret. */
  readonly key: string
  readonly managedMode: 'paperclip_managed' | 'external_reference'
}

/** For whom, and through which vault, a reference is looked at. */
export interface ReferencePlace {
  readonly companyId: string
  readonly vault: VaultRoute | null
}

/** A value of somebody else's that is read and never written or deleted. */
export interface ExternalReference {
  readonly externalRef: string
  readonly providerVersionRef: string | null
}

/**
 * Says whether a provider's values are sealed in our own rows. Elsewhere the remote secret is named by the key of
 * ours, and a single version cannot be removed.
 */
export function isSealedHere({ provider }: { provider: ProviderId }): boolean {
  return provider === 'local_encrypted'
}

/** How a provider describes itself in lists. */
export interface ProviderDescriptor {
  readonly id: ProviderId
  readonly label: string
  readonly supportsManagedValues: boolean
  readonly supportsExternalReferences: boolean
}

/** Keeps values in our own rows: what it gives is stored in the transaction that makes the version. */
export interface SealedStorage {
  readonly kind: 'sealed'
  seal(place: ValuePlace, value: Buffer): Promise<StoredValue>
}

/**
 * A place where values lie. A value is bytes of UTF-8 text; what a provider throws is an `AppError`, or an
 * `IntegrityError` when stored data does not verify.
 */
export interface SecretProvider {
  readonly descriptor: ProviderDescriptor
  readonly storage: SealedStorage | RemoteStorage
  /**
   * Judges a reference before it is linked, without reading its value or asking the provider, and gives it as it is
   * to be kept. Throws `external_ref_unsupported` when the provider has none, or what else forbids this one.
   */
  checkReference(reference: ExternalReference, where: ReferencePlace): Promise<ExternalReference>
  /** Gives a value back; at once where no wait is needed. The access must be on record before this is called. */
  readVersion(place: ValuePlace, stored: StoredVersion): Buffer | Promise<Buffer>
  /** Tries whether the provider works as the deployment configures it; cheap enough for a health check. */
  checkHealth(): Promise<void>
}

/** The providers of this process. */
export interface ProviderRegistry {
  /** Undefined for a provider that is listed but locked. */
  find(id: ProviderId): SecretProvider | undefined
}
