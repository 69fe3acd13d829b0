import { type Static, Type } from 'typebox'
import type { ProviderId } from './secret.js'

/** Segments between slashes, of the characters that names of AWS secrets may have; none empty. */
const Path = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 128,
    pattern: '^[A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)*$',
    description
  })

/** The value of an AWS tag: never something secret, everyone who may list secrets sees it. */
const TagText = Type.String({ minLength: 1, maxLength: 256, pattern: '^[\\p{L}\\p{N} _.:/=+@-]+$' })

/**
 * Where a provider vault leads, and nothing else: credentials belong to the deployment, never into this. One closed
 * object for all providers; which of the members one takes is {@link vaultConfigMembers}.
 */
export const VaultConfig = Type.Object(
  {
    backupReminderAcknowledged: Type.Optional(Type.Boolean()),
    region: Type.Optional(
      Type.String({ maxLength: 32, pattern: '^[a-z]{2,3}(-[a-z]+)+-[0-9]+$', description: 'An AWS region.' })
    ),
    namespace: Type.Optional(Path('Stands in names after the prefix; the deployment id when absent.')),
    secretNamePrefix: Type.Optional(Path('Begins the names of secrets written there.')),
    kmsKeyId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        pattern: '^[A-Za-z0-9:/_-]+$',
        description: 'Id, alias or ARN of a KMS key of the same region.'
      })
    ),
    ownerTag: Type.Optional(TagText),
    environmentTag: Type.Optional(TagText),
    projectId: Type.Optional(Type.String({ maxLength: 30, pattern: '^[a-z][a-z0-9-]{4,28}[a-z0-9]$' })),
    location: Type.Optional(Type.String({ maxLength: 40, pattern: '^[a-z][a-z0-9-]*$' })),
    address: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 300,
        description: 'An https origin: scheme, host and port only.'
      })
    ),
    mountPath: Type.Optional(Path('Where the secrets engine is mounted.')),
    secretPathPrefix: Type.Optional(Path('Begins the paths of secrets below the mount.'))
  },
  {
    additionalProperties: false,
    description: [
      'local_encrypted: backupReminderAcknowledged.',
      'aws_secrets_manager: region (required), namespace, secretNamePrefix, kmsKeyId, ownerTag, environmentTag.',
      'gcp_secret_manager: projectId, location, namespace, secretNamePrefix.',
      'vault: address, namespace, mountPath, secretPathPrefix.'
    ].join(' ')
  }
)
export type VaultConfig = Static<typeof VaultConfig>

/** A member of {@link VaultConfig}. */
export type VaultConfigMember = keyof VaultConfig

interface ConfigMembers {
  readonly required: readonly VaultConfigMember[]
  readonly optional: readonly VaultConfigMember[]
}

/** What each provider takes, and what it cannot do without. */
export const vaultConfigMembers: Readonly<Record<ProviderId, ConfigMembers>> = {
  local_encrypted: { required: [], optional: ['backupReminderAcknowledged'] },
  aws_secrets_manager: {
    required: ['region'],
    optional: ['namespace', 'secretNamePrefix', 'kmsKeyId', 'ownerTag', 'environmentTag']
  },
  gcp_secret_manager: {
    required: [],
    optional: ['projectId', 'location', 'namespace', 'secretNamePrefix']
  },
  vault: { required: [], optional: ['address', 'namespace', 'mountPath', 'secretPathPrefix'] }
}

/** What decides where a value lies: it stays as it is while a secret depends on the vault. */
export const vaultRoutingMembers = ['region', 'namespace', 'secretNamePrefix', 'kmsKeyId'] as const
