import type { ResolveName } from './address-guard.js'
import { type AwsCallParts, createAwsCall } from './aws-call.js'
import type { AwsCredentialSource } from './aws-credentials.js'
import { endpointOf } from './aws-endpoint.js'
import type { AwsRegion } from './aws-partition.js'
import { type AwsReferences, createAwsReferences } from './aws-references.js'
import { createRetryBudget } from './aws-retry.js'
import { openAwsTransport } from './aws-transport.js'
import { type AwsValues, createAwsValues } from './aws-values.js'

/** Secrets Manager in one region: two clients over the same connections, neither of which can do the other's work. */
export interface AwsSecretsManager {
  readonly values: AwsValues
  readonly references: AwsReferences
  close(): Promise<void>
}

/** Opens the clients of a region; nothing is sent before the first call. Vaults of one region may share them. */
export function openAwsSecretsManager(options: {
  readonly region: AwsRegion
  /** From `parseCustomEndpoint`; null for the host of the region. */
  readonly customEndpoint: URL | null
  /** One for the whole process. */
  readonly credentials: AwsCredentialSource
  readonly resolve?: ResolveName
  readonly nowMs?: () => number
  readonly random?: () => number
}): AwsSecretsManager {
  const { region, customEndpoint, credentials, resolve, nowMs = Date.now, random = Math.random } = options
  const endpoint = endpointOf(region, customEndpoint)
  const transport = openAwsTransport(endpoint, resolve)
  const budget = createRetryBudget()
  const parts: AwsCallParts = { endpoint, transport, credentials, budget, nowMs, random }
  const writesAndReads = [
    'CreateSecret',
    'PutSecretValue',
    'GetSecretValue',
    'DeleteSecret',
    'RestoreSecret',
    'DescribeSecret'
  ] as const
  return {
    values: createAwsValues(createAwsCall(writesAndReads, parts)),
    references: createAwsReferences(createAwsCall(['ListSecrets'], parts)),
    close: () => transport.close()
  }
}
