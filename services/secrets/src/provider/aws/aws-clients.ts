import { createCredentialChain } from './aws-credential-chain.js'
import {
  type AwsCredentialSource,
  createCredentialSource,
  type LoadedCredentials
} from './aws-credentials.js'
import type { AwsRegion } from './aws-partition.js'
import { type AwsSecretsManager, openAwsSecretsManager } from './aws-secrets-manager.js'
import { shareReads } from './aws-shared-read.js'
import { readOrExplain } from './aws-version-read.js'

/** The client of a region, and reads of fixed versions that all who want the same one share. */
export interface AwsRegionClient extends AwsSecretsManager {
  readonly readShared: ReturnType<typeof shareReads>
}

/** The clients of this process. */
export interface AwsClients {
  /** One a region, opened when it is first asked for; vaults share it. */
  of(region: AwsRegion): AwsRegionClient
  /** One for all of them. */
  readonly credentials: AwsCredentialSource
  close(): Promise<void>
}

/** Makes the clients; nothing is loaded or sent before the first call. */
export function createAwsClients(options: {
  /** From `parseCustomEndpoint`; null for the host of each region. */
  readonly customEndpoint: URL | null
  /** Stands in for the default chain of AWS. */
  readonly load?: () => Promise<LoadedCredentials>
  readonly nowMs?: () => number
}): AwsClients {
  const { customEndpoint, load = createCredentialChain(), nowMs = Date.now } = options
  const credentials = createCredentialSource({ load, nowMs })
  const opened = new Map<string, AwsRegionClient>()
  return {
    credentials,
    of(region) {
      const known = opened.get(region.region)
      if (known !== undefined) return known
      const client = openAwsSecretsManager({ region, customEndpoint, credentials, nowMs })
      const readValue = (version: Parameters<typeof readOrExplain>[1]) =>
        readOrExplain(client.values, version)
      const shared = { ...client, readShared: shareReads({ readValue }) }
      opened.set(region.region, shared)
      return shared
    },
    async close() {
      await Promise.all([...opened.values()].map((client) => client.close()))
    }
  }
}
