import { type Static, Type } from 'typebox'
import { Time } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { ProviderId } from './secret.js'

const Text = Type.String({ maxLength: limits.healthTextCharsMax })
const Texts = Type.Array(Text, { maxItems: 20 })

const facts = {
  region: Type.Optional(Text),
  secretNamePrefix: Type.Optional(Text),
  namespace: Type.Optional(Text),
  deploymentId: Type.Optional(Text),
  kmsKeyConfigured: Type.Optional(Type.Boolean()),
  credentialSource: Type.Optional(Text),
  missingVariables: Type.Optional(Texts)
}

/** What a probe may tell of a provider: how it is set up, never a value, a credential or a provider's own text. */
export const ProviderFacts = Type.Object(facts, { additionalProperties: false })
export type ProviderFacts = Static<typeof ProviderFacts>

export const VaultHealthStatus = Type.Enum(['ready', 'warning', 'error', 'coming_soon', 'disabled'])
export type VaultHealthStatus = Static<typeof VaultHealthStatus>

/** `code` is for programs, `guidance` is what to do, one sentence each. */
export const VaultHealthDetails = Type.Object(
  {
    code: Type.String({ maxLength: 64 }),
    message: Text,
    guidance: Texts,
    ...facts
  },
  { additionalProperties: false }
)
export type VaultHealthDetails = Static<typeof VaultHealthDetails>

/** What a health check of a provider vault found. */
export const VaultHealth = Type.Object(
  {
    configId: Uuid,
    provider: ProviderId,
    status: VaultHealthStatus,
    message: Text,
    details: VaultHealthDetails,
    checkedAt: Time
  },
  { additionalProperties: false }
)
export type VaultHealth = Static<typeof VaultHealth>
