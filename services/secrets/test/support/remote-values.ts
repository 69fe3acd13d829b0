import { newId, type VaultConfig } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { SecretProvider, StoredVersion, VaultRoute } from '../../src/provider/provider.js'
import type { RemoteStorage } from '../../src/provider/remote-storage.js'
import type { SecretsApp } from './secrets-app.js'

/** A key of the account that emulators have, once a test says that it is there. */
export const keyArn = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555'

/** Stands in values: whatever is shown or logged must not hold it. */
export const canary = 'canary-8d2e-value'

/** As long as a write may take. */
export const deadlineMs = 20_000

/** AWS as a service wires it. */
export function awsProviderOf({ deps }: SecretsApp): SecretProvider & { storage: RemoteStorage } {
  const provider = deps.providers.find('aws_secrets_manager')
  if (provider === undefined || provider.storage.kind !== 'remote') throw new Error('not there')
  return { ...provider, storage: provider.storage }
}

/** A vault of this config; null for the deployment. */
export function vaultOf(config: VaultConfig | null): VaultRoute | null {
  return config === null ? null : { id: newId(), config }
}

/** Values of one company, past everything but the provider. */
export function remoteValuesOf(app: SecretsApp, companyId: string) {
  const provider = awsProviderOf(app)
  const { storage } = provider

  /** Makes a managed secret and tells how a resolve would read it. */
  async function make(secret: { key?: string; config?: VaultConfig } = {}) {
    const { key = newId(), config = null } = secret
    const version = { companyId, secretId: newId(), versionId: newId(), key, vault: vaultOf(config) }
    const name = storage.nameOf(version)
    const value = Buffer.from(canary)
    const { externalRef, tagged } = await storage.create({ ...version, name, value, deadlineMs })
    const place = { sealed: null, externalRef, providerVersionRef: version.versionId }
    const stored: StoredVersion = { ...version, ...place, managedMode: 'paperclip_managed' }
    return { version, name, externalRef, tagged, stored }
  }

  const placeOfRead = () => ({ companyId, secretId: newId(), versionId: newId() })
  return {
    provider,
    storage,
    make,
    readBytes: async (stored: StoredVersion) => provider.readVersion(placeOfRead(), stored),
    read: async (stored: StoredVersion) => (await provider.readVersion(placeOfRead(), stored)).toString()
  }
}

/** A linked secret as its row says it. */
export function linked(externalRef: string, providerVersionRef: string | null = null): StoredVersion {
  const common = { sealed: null, vault: null, key: 'k', managedMode: 'external_reference' } as const
  return { ...common, externalRef, providerVersionRef }
}

/** What a call is refused with; throws when it is answered, or fails with anything else. */
export async function problemOfCall(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => new Error('it was answered'),
    (refused: unknown) => refused
  )
  if (error instanceof AppError) return error
  throw error
}

/** All that of an error may be shown or logged. */
export function shownOf({ message, context, cause, errors }: AppError): string {
  return JSON.stringify([message, context, String(cause), { ...(cause as object) }, errors])
}
