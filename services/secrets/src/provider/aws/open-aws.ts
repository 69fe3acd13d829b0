import type { Db } from '@paperclip/db'
import { SecretValue } from '@paperclip/server'
import type { SecretsDatabase } from '../../database.js'
import type { SecretProvider } from '../provider.js'
import type { ReferenceRules } from '../reference-rules.js'
import type { VaultBackend } from '../vault-backend.js'
import { createAwsClients } from './aws-clients.js'
import type { AwsCredentials, LoadedCredentials } from './aws-credentials.js'
import { findDeploymentWarning } from './aws-deployment-warning.js'
import { createAwsProvider } from './aws-provider.js'
import { createAwsReferenceRules } from './aws-reference-rules.js'
import type { AwsSettings } from './aws-settings.js'
import { createAwsVaultBackend } from './aws-vault-backend.js'
import { createReferenceGuard } from './reference-guard.js'

/** Everything of AWS Secrets Manager that this service has, over one set of clients. */
export interface OpenedAws {
  readonly provider: SecretProvider
  readonly backend: VaultBackend
  readonly rules: ReferenceRules
  /** What its operator should change about the deployment as a whole; undefined when nothing. */
  findWarning(): Promise<string | undefined>
  /** The credentials in hand; none before the first call. */
  ownCredentials(): readonly SecretValue[]
  close(): Promise<void>
}

/** Opens it; nothing is loaded or sent before it is used. `load` stands in for the default credential chain. */
export function openAws(options: {
  readonly db: Db<SecretsDatabase>
  readonly settings: AwsSettings
  readonly load?: (() => Promise<LoadedCredentials>) | undefined
}): OpenedAws {
  const { db, settings, load } = options
  const clients = createAwsClients({
    customEndpoint: settings.endpoint,
    ...(load === undefined ? {} : { load })
  })
  const guard = createReferenceGuard({ db, settings })
  return {
    provider: createAwsProvider({ settings, clients, guard, nowMs: Date.now }),
    backend: createAwsVaultBackend({ db, settings, clients }),
    rules: createAwsReferenceRules(guard),
    findWarning: () => findDeploymentWarning(db, settings),
    ownCredentials: () => ownCredentialsOf(clients.credentials.held),
    close: () => clients.close()
  }
}

function ownCredentialsOf(held: AwsCredentials | null): SecretValue[] {
  if (held === null) return []
  const { accessKeyId, secretAccessKey, sessionToken } = held
  return [new SecretValue(accessKeyId), secretAccessKey, ...(sessionToken === null ? [] : [sessionToken])]
}
