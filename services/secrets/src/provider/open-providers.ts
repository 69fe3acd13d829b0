import type { ProviderId } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import type { SecretValue } from '@paperclip/server'
import type { Config } from '../config.js'
import type { SecretsDatabase } from '../database.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import type { LoadedCredentials } from './aws/aws-credentials.js'
import { openAws } from './aws/open-aws.js'
import { createLocalEncryptedProvider } from './local-encrypted.js'
import { createLocalVaultBackend } from './local-vault-backend.js'
import type { ProviderRegistry, SecretProvider } from './provider.js'
import type { FindReferenceRules } from './reference-rules.js'
import type { VaultBackends } from './vault-backend.js'

/** Every provider of this process, and what each does besides keeping values. */
export interface OpenedProviders {
  readonly providers: ProviderRegistry
  readonly backends: VaultBackends
  readonly findRules: FindReferenceRules
  /** How the deployment sets up the provider that is used when nothing else is said. */
  describeDefault(): string
  /** What an operator should change about how they are set up; undefined when nothing. */
  findWarning(): Promise<string | undefined>
  /** The credentials that they have in hand. */
  ownCredentials(): readonly SecretValue[]
  close(): Promise<void>
}

/** Opens them; nothing is asked of any before it is used. A new provider is added here. */
export function openProviders(options: {
  readonly db: Db<SecretsDatabase>
  readonly companyKeys: CompanyKeyring
  readonly config: Config
  readonly keyFileWarnings: readonly string[]
  readonly loadAwsCredentials?: (() => Promise<LoadedCredentials>) | undefined
}): OpenedProviders {
  const { db, companyKeys, config, keyFileWarnings, loadAwsCredentials } = options
  const local = createLocalEncryptedProvider(companyKeys)
  const aws = openAws({ db, settings: config.aws, load: loadAwsCredentials })
  const known: Partial<Record<ProviderId, SecretProvider>> = {
    local_encrypted: local,
    aws_secrets_manager: aws.provider
  }
  const { masterKeySource } = config
  const backends: VaultBackends = {
    local_encrypted: createLocalVaultBackend(local, { masterKeySource, warnings: keyFileWarnings }),
    aws_secrets_manager: aws.backend
  }
  return {
    providers: { find: (id) => known[id] },
    backends,
    findRules: (id) => (id === 'aws_secrets_manager' ? aws.rules : null),
    describeDefault: () => backends[config.defaultProvider]?.describe() ?? 'cannot be used yet',
    findWarning: aws.findWarning,
    ownCredentials: aws.ownCredentials,
    close: aws.close
  }
}
