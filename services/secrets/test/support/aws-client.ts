import type { Teardown } from '@paperclip/testing'
import type { ResolveName } from '../../src/provider/aws/address-guard.js'
import {
  type AwsCredentialSource,
  createCredentialSource,
  type LoadedCredentials
} from '../../src/provider/aws/aws-credentials.js'
import { parseCustomEndpoint } from '../../src/provider/aws/aws-endpoint.js'
import { AwsError } from '../../src/provider/aws/aws-error.js'
import { type AwsRegion, findRegion } from '../../src/provider/aws/aws-partition.js'
import { type AwsSecretsManager, openAwsSecretsManager } from '../../src/provider/aws/aws-secrets-manager.js'
import { type Emulator, startEmulator, testCredential } from '../emulator/emulator.js'

interface ClientOptions {
  readonly load?: () => Promise<LoadedCredentials>
  readonly nowMs?: () => number
  readonly resolve?: ResolveName
  /** Null for the host of the region. */
  readonly endpoint?: string | null
}

/** A region that is in the table. */
export function regionOf(name: string): AwsRegion {
  const region = findRegion(name)
  if (region === undefined) throw new Error('that is no region')
  return region
}

export function heldCredentials(options: ClientOptions = {}): AwsCredentialSource {
  const { load = async () => testCredential, nowMs = Date.now } = options
  return createCredentialSource({ load, nowMs })
}

/** Our client, talking to an endpoint with the credential that emulators know. */
export function openClient(t: Teardown, options: ClientOptions = {}): AwsSecretsManager {
  const { endpoint = null, nowMs = Date.now, resolve } = options
  const client = openAwsSecretsManager({
    region: regionOf('us-east-1'),
    customEndpoint: endpoint === null ? null : parseCustomEndpoint(endpoint),
    credentials: heldCredentials(options),
    nowMs,
    ...(resolve === undefined ? {} : { resolve })
  })
  t.teardown(() => client.close())
  return client
}

/** The service and our client of it; both end with the test. */
export async function awsScene(
  t: Teardown,
  options: ClientOptions = {}
): Promise<AwsSecretsManager & { emulator: Emulator }> {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  return { ...openClient(t, { ...options, endpoint: emulator.origin }), emulator }
}

/** What a call fails with; throws when it succeeds, or fails with anything else. */
export async function refusalOf(call: Promise<unknown>): Promise<AwsError> {
  const error = await call.then(
    () => new Error('it was answered'),
    (error: unknown) => error
  )
  if (error instanceof AwsError) return error
  throw error
}
