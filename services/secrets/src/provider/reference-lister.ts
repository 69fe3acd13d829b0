import type { VaultConfig } from '@paperclip/contracts'

/** What an inventory tells of a remote secret: names and facts. There is no way from here to a value. */
export interface RemoteReference {
  /** The provider's own full name of it; an ARN at AWS. */
  readonly externalRef: string
  readonly remoteName: string
  readonly createdDate: Date | null
  readonly lastChangedDate: Date | null
  readonly hasDescription: boolean
  readonly hasKmsKey: boolean
  readonly tagCount: number
}

/** One page of an inventory. */
export interface ReferencePage {
  readonly references: readonly RemoteReference[]
  /** The provider's own cursor, for the next page; null after the last one. */
  readonly nextToken: string | null
}

/** Which page: `query` and `nextToken` go to the provider as they are. */
export interface ReferencePageRequest {
  readonly config: VaultConfig
  readonly query: string | null
  readonly nextToken: string | null
  /** 1 to `limits.remotePageRowsMax`. */
  readonly pageSize: number
}

/**
 * Lists what lies at a provider. Previews are given this and nothing more, so that no preview can read a value.
 * Throws an `AppError` with the provider's code.
 */
export interface ReferenceLister {
  listReferences(request: ReferencePageRequest): Promise<ReferencePage>
}
