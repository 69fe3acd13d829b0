import type { ProviderId } from '@paperclip/contracts'

/** The row a value belongs to; all of it is authenticated where the value is sealed here. */
export interface ValuePlace {
  readonly companyId: string
  readonly secretId: string
  readonly versionId: string
}

/** What a provider keeps of a value it was given: sealed bytes here, or a reference to where it lies. */
export interface StoredVersion {
  readonly sealed: Buffer | null
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
  /** Stores a value for a version that is about to be inserted. */
  writeVersion(place: ValuePlace, value: Buffer): Promise<StoredVersion>
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
