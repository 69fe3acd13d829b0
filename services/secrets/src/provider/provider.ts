import type { ProviderId } from '@paperclip/contracts'
import type { ChosenVault } from '../vault/chosen-vault.js'

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
export interface StoredVersion extends StoredValue {
  readonly providerConfigId: string | null
}

/** For whom, and through which vault, a reference is looked at. */
export interface ReferencePlace {
  readonly companyId: string
  readonly vault: ChosenVault | null
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

/**
 * A place where values lie. A value is bytes of UTF-8 text; what a provider throws is an `AppError`, or an
 * `IntegrityError` when stored data does not verify.
 */
export interface SecretProvider {
  readonly descriptor: ProviderDescriptor
  /** Stores a value for a version that is about to be inserted; without a vault, where the deployment is configured to. */
  writeVersion(place: ValuePlace, value: Buffer, vault: ChosenVault | null): Promise<StoredValue>
  /**
   * Judges a reference before it is linked, without reading its value, and gives it as it is to be kept. Throws
   * `external_ref_unsupported` when the provider has none, or what else forbids this one.
   */
  checkReference(reference: ExternalReference, where: ReferencePlace): Promise<ExternalReference>
  /** Gives a value back; at once where no wait is needed. The access must be on record before this is called. */
  readVersion(place: ValuePlace, stored: StoredVersion): Buffer | Promise<Buffer>
  /** Stores and reads a canary; resolves when the provider works. */
  checkHealth(): Promise<void>
}

/** The providers of this process. */
export interface ProviderRegistry {
  /** Undefined for a provider that is listed but locked. */
  find(id: ProviderId): SecretProvider | undefined
}
