import type { ProviderFacts, ProviderId } from '@paperclip/contracts'
import type { VaultRoute } from './provider.js'
import type { ReferenceLister } from './reference-lister.js'

/** What a probe found. Sentences are ours: no value, credential, ARN or text of a provider is in them. */
export interface ProbeResult {
  readonly status: 'ready' | 'warning' | 'error'
  /** For programs, such as `provider_ready`. */
  readonly code: string
  readonly message: string
  /** What to do, one sentence each. */
  readonly guidance: readonly string[]
  readonly facts: ProviderFacts
}

/** What a provider does for its vaults, besides storing and reading values. */
export interface VaultBackend {
  /** Whether the deployment has what this provider needs without a vault. */
  readonly isConfigured: boolean
  /** How the deployment sets it up, for its operator: part of one line, of at most 300 characters. */
  describe(): string
  /** What may be lost and how to keep it, for providers that keep values here; else empty. */
  readonly backupGuidance: readonly string[]
  /**
   * Tries what a vault leads to, or, for null, what the deployment configures. Settles within 5 s. What is wrong at
   * the provider is a result; only a fault on the way there (a database that is away) is thrown.
   */
  probe(companyId: string, vault: VaultRoute | null): Promise<ProbeResult>
  /** Null: this provider has no inventory to look at. */
  readonly references: ReferenceLister | null
}

/** The backends of this process; a provider without one is listed and locked. */
export type VaultBackends = Readonly<Partial<Record<ProviderId, VaultBackend>>>
