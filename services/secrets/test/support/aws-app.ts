import type { Teardown, TestDatabase } from '@paperclip/testing'
import type { LoadedCredentials } from '../../src/provider/aws/aws-credentials.js'
import { type Emulator, startEmulator, testCredential } from '../emulator/emulator.js'
import { type SecretsApp, startSecrets } from './secrets-app.js'

/** What a test may change about a service and the account it works in. */
export interface AwsAppOptions {
  /** Overrides; `undefined` takes a variable away. */
  readonly env?: NodeJS.ProcessEnv
  /** One that runs already: for a replica, or for a deployment beside another. */
  readonly emulator?: Emulator
  readonly load?: () => Promise<LoadedCredentials>
}

/** The environment of a deployment that writes to an emulator. */
export function awsEnv(emulator: Pick<Emulator, 'origin' | 'region'>): Record<string, string> {
  return {
    PAPERCLIP_SECRETS_AWS_REGION: emulator.region,
    PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID: 'test-1',
    PAPERCLIP_SECRETS_AWS_ENDPOINT: emulator.origin
  }
}

/** The service over a database, with an emulator of AWS Secrets Manager; both end with the test. */
export async function startSecretsWithAws(
  t: Teardown,
  database: Pick<TestDatabase, 'url'>,
  { env = {}, emulator: running, load = async () => testCredential }: AwsAppOptions = {}
): Promise<{ app: SecretsApp; emulator: Emulator }> {
  const emulator = running ?? (await startEmulator())
  // Whatever goes wrong, what AWS says about it must get no further than our client.
  emulator.settings.errorsEcho = true
  const app = await startSecrets(t, database, { ...awsEnv(emulator), ...env }, { loadAwsCredentials: load })
  if (running === undefined) t.teardown(() => emulator.close())
  return { app, emulator }
}
