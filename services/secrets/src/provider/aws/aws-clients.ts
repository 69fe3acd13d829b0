import { totalDeadlineMs } from './aws-call.js'
import { createCompanyTurns } from './aws-company-turns.js'
import { createCredentialChain } from './aws-credential-chain.js'
import {
  type AwsCredentialSource,
  createCredentialSource,
  type LoadedCredentials
} from './aws-credentials.js'
import type { AwsRegion } from './aws-partition.js'
import { type AwsSecretsManager, openAwsSecretsManager } from './aws-secrets-manager.js'
import { shareReads } from './aws-shared-read.js'
import type { AwsValue, AwsVersionSelector } from './aws-values.js'
import { readOrExplain } from './aws-version-read.js'

/** The client of a region, and reads of values, for which the companies take turns. */
export interface AwsRegionClient extends AwsSecretsManager {
  readonly read: (companyId: string, version: AwsVersionSelector) => Promise<AwsValue>
  /** Of a fixed version: all of a company who want the same one share one call. */
  readonly readShared: ReturnType<typeof shareReads>
}

/** Half the connections of a region: a company alone is served well, and another finds room. */
const companyReadsMax = 16

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
      const inTurn = createCompanyTurns({ atOnceMax: companyReadsMax, deadlineMs: totalDeadlineMs })
      const read: AwsRegionClient['read'] = (companyId, version) =>
        inTurn(companyId, (deadlineMs) => readOrExplain(client.values, { ...version, deadlineMs }))
      const readShared = shareReads({ readValue: ({ companyId, ...version }) => read(companyId, version) })
      const reading = { ...client, read, readShared }
      opened.set(region.region, reading)
      return reading
    },
    async close() {
      await Promise.all([...opened.values()].map((client) => client.close()))
    }
  }
}
