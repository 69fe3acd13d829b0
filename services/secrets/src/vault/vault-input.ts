import {
  looksLikeCredential,
  type ProviderId,
  type VaultConfig,
  type VaultConfigMember,
  type VaultStatus,
  vaultConfigMembers
} from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { faultOfKmsKey } from '../provider/aws/aws-kms-key.js'
import { findRegion } from '../provider/aws/aws-partition.js'

/** A name is one line of a list. */
const controlCharacter = /\p{Cc}/u

/** Trims a name for people. Throws `invalid_request`, never with the name. */
export function parseDisplayName(text: string): string {
  const name = text.trim()
  if (controlCharacter.test(name)) throw invalid('/displayName', 'must not contain control characters')
  if (looksLikeCredential(name)) throw invalid('/displayName', 'looks like a credential')
  return name
}

/**
 * Checks a config beyond its schema for one provider and gives it in its stored form: every member belongs to the
 * provider, none looks like a credential, and each leads where its name says. Messages name the member, never what
 * it holds.
 */
export function parseVaultConfig(provider: ProviderId, config: VaultConfig): VaultConfig {
  const { required, optional } = vaultConfigMembers[provider]
  for (const name of Object.keys(config) as VaultConfigMember[]) {
    if (!required.includes(name) && !optional.includes(name))
      throw invalid(`/config/${name}`, `does not go with the provider ${provider}`)
    if (looksLikeCredential(String(config[name])))
      throw invalid(`/config/${name}`, 'looks like a credential: none is taken here')
  }
  for (const name of required)
    if (config[name] === undefined)
      throw invalid(`/config/${name}`, `is required for the provider ${provider}`)
  if (config.region !== undefined) requireAwsPlace(config.region, config.kmsKeyId)
  return config.address === undefined ? config : { ...config, address: parseVaultAddress(config.address) }
}

/** A region of the table, and a key in it: AWS takes no key of another region. */
function requireAwsPlace(region: string, kmsKeyId: string | undefined): void {
  const place = findRegion(region)
  if (place === undefined) throw invalid('/config/region', 'is not a known region of AWS')
  const fault = kmsKeyId === undefined ? null : faultOfKmsKey(kmsKeyId, place)
  if (fault !== null) throw invalid('/config/kmsKeyId', fault)
}

/** Scheme, host and port as text: what a URL parser would drop silently, such as an empty user, is refused too. */
const httpsOrigin = /^https:\/\/(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?\/?$/i

function parseVaultAddress(text: string): string {
  if (!httpsOrigin.test(text) || !URL.canParse(text))
    throw invalid('/config/address', 'must be an https origin: no user, path, query or fragment')
  return new URL(text).origin
}

/** Providers whose vaults can be drafted and not yet used. */
const lockedProviders: readonly ProviderId[] = ['gcp_secret_manager', 'vault']

/** Says whether vaults of a provider can only be drafted. */
export function isLocked(provider: ProviderId): boolean {
  return lockedProviders.includes(provider)
}

/** Refuses to search for what looks like a credential: the provider keeps a record of searches. */
export function checkSearch(query: string | null | undefined): string | null {
  if (query == null) return null
  if (looksLikeCredential(query)) throw invalid('/query', 'looks like a credential: it was not sent anywhere')
  return query
}

/** The status of a vault that says none. */
export function initialStatus(provider: ProviderId): VaultStatus {
  return isLocked(provider) ? 'coming_soon' : 'ready'
}

/** Refuses a status that vaults of the provider cannot have. */
export function requireStatus(provider: ProviderId, status: VaultStatus): void {
  if (status === 'disabled') return
  if (isLocked(provider) !== (status === 'coming_soon'))
    throw invalid(
      '/status',
      isLocked(provider)
        ? 'must be coming_soon or disabled for this provider'
        : 'must be ready, warning or disabled for this provider'
    )
}

/** Says whether a vault of this status takes values and may be a default. */
export function isUsable(status: VaultStatus): boolean {
  return status === 'ready' || status === 'warning'
}

/** Refuses a default that could not be used. */
export function requireUsableDefault(status: VaultStatus): void {
  if (!isUsable(status)) throw invalid('/isDefault', `must not be true while the vault is ${status}`)
}

function invalid(pointer: string, message: string): AppError {
  return new AppError('invalid_request', {
    detail: `Body member "${pointer}" ${message}.`,
    errors: [{ pointer, message }]
  })
}
