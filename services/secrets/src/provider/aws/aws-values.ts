import type { AwsCall } from './aws-call.js'
import { deleteSecret, findDeletionDate, restoreSecret } from './aws-delete-secret.js'
import { findVersion, readValue } from './aws-read-value.js'
import { createSecret, putValue } from './aws-write-value.js'

/** The operations on single secrets; the documented policy gives the first four. */
export type AwsValueOperation =
  | 'CreateSecret'
  | 'PutSecretValue'
  | 'GetSecretValue'
  | 'DeleteSecret'
  | 'RestoreSecret'
  | 'DescribeSecret'

/** Calls one of them. */
export type AwsValueCall = AwsCall<AwsValueOperation>

/** A tag of a managed secret. */
export interface AwsTag {
  readonly key: string
  readonly value: string
}

/** A secret to be made, with its first version under our id. */
export interface NewAwsSecret {
  readonly name: string
  readonly versionId: string
  /** UTF-8 text. */
  readonly value: Buffer
  /** Null for the key of the service itself, which takes no permission. */
  readonly kmsKeyId: string | null
  readonly tags: readonly AwsTag[]
  readonly deadlineMs?: number
}

/** A version to be added under our id. */
export interface NewAwsVersion {
  /** As CreateSecret gave it, never the name: a name may come to mean another secret. */
  readonly arn: string
  readonly versionId: string
  /** UTF-8 text. */
  readonly value: Buffer
  /** Whether the secret lies under a key of the operator's. */
  readonly ownKey: boolean
  readonly deadlineMs?: number
}

/** A secret by its name or ARN. */
export interface AwsSecretSelector {
  readonly secretId: string
  readonly deadlineMs?: number
}

/** Which version to read: by id, by label, or the current one. */
export interface AwsVersionSelector {
  /** A name or an ARN. */
  readonly secretId: string
  readonly versionId?: string
  readonly versionLabel?: string
  readonly deadlineMs?: number
}

/** A value as AWS keeps it. Whoever holds the bytes overwrites them after use, and logs them nowhere. */
export interface AwsValue {
  readonly value: Buffer
  /** Whether it was stored as bytes (`SecretBinary`), which need not be text. */
  readonly isBinary: boolean
  readonly arn: string
  readonly versionId: string
}

/**
 * Managed and linked secrets of one vault. Each method ends within its `deadlineMs`, 20 s where none is given. Every failure is an `AwsError`; of one that writes, `mayHaveActed` decides
 * whether its version is failed or still to be reconciled.
 */
export interface AwsValues {
  /**
   * Makes a secret with a first version, current at once, with our version id as the token. Where tags are refused it
   * is made without them. A name that waits for its deletion is `scheduled_for_deletion`.
   */
  createSecret(secret: NewAwsSecret): Promise<{ readonly arn: string; readonly tagged: boolean }>
  /** Adds a version, current at once, with our version id as the token. */
  putValue(version: NewAwsVersion): Promise<void>
  /** Reads a value. The access must be on record before this is called. */
  readValue(version: AwsVersionSelector): Promise<AwsValue>
  /**
   * Whether a version exists, and the ARN it lies under. Its value is asked for, since AWS tells by nothing else that
   * the documented policy allows, and is not looked at.
   */
  findVersion(version: AwsVersionSelector): Promise<{ readonly arn: string } | null>
  /** Marks a secret for deletion. One that is gone or marked already is no error; then there is no date. */
  deleteSecret(secret: {
    readonly arn: string
    readonly recoveryDays: number
    readonly deadlineMs?: number
  }): Promise<{ readonly deletionDate: Date | null }>
  /** Takes back a deletion. Needs `RestoreSecret`, which the documented policy does not give. */
  restoreSecret(secret: AwsSecretSelector): Promise<{ readonly arn: string }>
  /** When a marked secret goes, as far as AWS lets us know: null without `DescribeSecret`. */
  findDeletionDate(secret: AwsSecretSelector): Promise<Date | null>
}

/** Makes the client of one vault. */
export function createAwsValues(call: AwsValueCall): AwsValues {
  return {
    createSecret: (secret) => createSecret(call, secret),
    putValue: (version) => putValue(call, version),
    readValue: (version) => readValue(call, version),
    findVersion: (version) => findVersion(call, version),
    deleteSecret: (secret) => deleteSecret(call, secret),
    restoreSecret: (secret) => restoreSecret(call, secret),
    findDeletionDate: (secret) => findDeletionDate(call, secret)
  }
}
