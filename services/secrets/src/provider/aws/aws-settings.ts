import type { AwsRegion } from './aws-partition.js'

/** What the deployment says about AWS (`PAPERCLIP_SECRETS_AWS_*`); none of it is secret. */
export interface AwsSettings {
  /** Null: only vaults, which name their own, can be used. */
  readonly region: AwsRegion | null
  /** The namespace of values without a vault, and of vaults that name none. */
  readonly deploymentId: string | null
  readonly kmsKeyId: string | null
  /** Begins the names of managed secrets where the vault says nothing else. */
  readonly prefix: string
  readonly environment: string | null
  readonly providerOwner: string
  /** Null: the host of the region. */
  readonly endpoint: URL | null
  /** 7 to 30 whole days. */
  readonly deleteRecoveryDays: number
  /** What names of external references may begin with; `{companyId}` stands for the company. Null: anything. */
  readonly externalPrefixes: readonly string[] | null
}

/** Where values of one vault, or of the deployment, lie. */
export interface AwsPlace {
  readonly region: AwsRegion
  readonly prefix: string
  /** Null: nothing can be written there, but references of others can be read. */
  readonly namespace: string | null
  readonly kmsKeyId: string | null
  readonly ownerTag: string
  readonly environmentTag: string | null
  readonly deploymentId: string | null
}
