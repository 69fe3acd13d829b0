import type { ProblemCode } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { VaultRoute } from './provider.js'

/**
 * What a remote provider refused, or left without an answer. Its text is ours: it may be shown and logged.
 * `code` is one of the provider codes, or `provider_name_reserved`.
 */
export class ProviderError extends AppError {
  /** Whether a write may have had its effect all the same. False only where that is certain. */
  readonly mayHaveActed: boolean

  constructor(
    code: ProblemCode,
    options: ConstructorParameters<typeof AppError>[1] & { mayHaveActed: boolean }
  ) {
    super(code, options)
    this.mayHaveActed = options.mayHaveActed
  }
}

/** A version on its way to the provider; its id is the token that makes a repeat harmless. */
export interface RemoteVersion {
  readonly companyId: string
  readonly secretId: string
  readonly versionId: string
  /** The key of the secret. */
  readonly key: string
  readonly vault: VaultRoute | null
}

/**
 * Values that lie at a provider under names made of our keys. Each method is one logical call, which ends within
 * `deadlineMs` (at most 20 s) and rejects with {@link ProviderError}; what {@link RemoteStorage.nameOf} refuses is a
 * plain `AppError`, before any call.
 */
export interface RemoteStorage {
  readonly kind: 'remote'
  /** The remote name of a secret. Throws `provider_not_configured` when the place says too little. */
  nameOf(secret: Pick<RemoteVersion, 'companyId' | 'key' | 'vault'>): string
  /** Whether a full name lies where a vault, or the deployment, leads to. */
  isIn(externalRef: string, vault: VaultRoute | null): boolean
  /** The name within a full name that the provider gave. */
  nameIn(externalRef: string): string
  /**
   * Whether a remote secret, made through one vault, is the very one that another vault would have for the same secret
   * of ours, under the same key of the operator's. Two vaults may lead to one place.
   */
  isShared(
    remote: { readonly externalRef: string; readonly vault: VaultRoute | null },
    secret: Pick<RemoteVersion, 'companyId' | 'key' | 'vault'>
  ): boolean
  /**
   * Makes a secret with its first version, current at once. Throws `provider_name_reserved` while a deleted secret
   * of this name is still kept there. `tagged`: whether its tags were taken too.
   */
  create(
    version: RemoteVersion & { readonly name: string; readonly value: Buffer; readonly deadlineMs: number }
  ): Promise<{ readonly externalRef: string; readonly tagged: boolean }>
  /** Adds a version to a secret, current at once. */
  put(
    version: RemoteVersion & {
      readonly externalRef: string
      readonly value: Buffer
      readonly deadlineMs: number
    }
  ): Promise<void>
  /**
   * Whether a version exists, by name or full name, without looking at its value; gives the full name. One of a secret
   * that is marked for deletion is of no use: null. Whatever else forbids an answer (a key that is disabled) rejects.
   */
  find(
    version: RemoteVersion & { readonly externalRef: string; readonly deadlineMs: number }
  ): Promise<{ readonly externalRef: string } | null>
  /** Has a secret deleted after the recovery window; one that is gone, or marked already, is no error. */
  delete(secret: {
    readonly externalRef: string
    readonly deadlineMs: number
  }): Promise<{ readonly deletionDate: Date | null }>
  /** Takes back a deletion. Needs a permission that need not be there. */
  restore(secret: { readonly externalRef: string; readonly deadlineMs: number }): Promise<void>
  /** When a deleted secret goes; null when that cannot be found out. */
  findDeletionDate(secret: {
    readonly name: string
    readonly vault: VaultRoute | null
    readonly deadlineMs: number
  }): Promise<Date | null>
}
