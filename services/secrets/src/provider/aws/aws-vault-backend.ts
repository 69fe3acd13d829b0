import type { ProviderFacts, VaultConfig } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { SecretsDatabase } from '../../database.js'
import type { VaultRoute } from '../provider.js'
import type { ProbeResult, VaultBackend } from '../vault-backend.js'
import type { AwsClients } from './aws-clients.js'
import { AwsError } from './aws-error.js'
import { healthProbeNameOf } from './aws-naming.js'
import { placeOf } from './aws-place.js'
import { failed, notConfigured, type ProbeWarning, ready } from './aws-probe-finding.js'
import { hasSeveralCompanies, isLastUntagged } from './aws-probe-store.js'
import { isInvalidRequest } from './aws-read-value.js'
import { createAwsReferenceLister } from './aws-reference-lister.js'
import type { AwsPlace, AwsSettings } from './aws-settings.js'

/** What the backend looks at. */
export interface AwsBackendParts {
  readonly db: Db<SecretsDatabase>
  readonly settings: AwsSettings
  readonly clients: AwsClients
}

/** A call and the credentials for it: a probe must settle within 5 s. */
const probeDeadlineMs = 4_000

/** Credentials in hand are given at once; whether they end is not worth a longer wait. */
const heldCredentialsMs = 200

/**
 * Probes AWS by reading a secret that need not exist: that it is not there says that address, credentials and policy
 * are right. Nothing is written, and a value, should there be one, is not looked at.
 */
export function createAwsVaultBackend(parts: AwsBackendParts): VaultBackend {
  const { settings } = parts
  return {
    isConfigured: settings.region !== null && settings.deploymentId !== null,
    describe: () => describe(parts),
    backupGuidance,
    references: createAwsReferenceLister(parts),
    async probe(companyId, vault) {
      const config = vault?.config ?? null
      const missing = missingVariables(settings, config)
      if (missing.length > 0) return notConfigured({ missing, facts: factsOfSettings(settings, config) })
      let place: AwsPlace
      try {
        place = placeOf(settings, config)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        return notConfigured({ missing, detail: error.message, facts: factsOfSettings(settings, config) })
      }
      const [outcome, warnings] = await Promise.all([
        ask(parts, place),
        storedWarnings(parts, { companyId, vault })
      ])
      return findingOf(parts, { place, outcome, warnings })
    }
  }
}

/** Null when AWS answered as it should. */
async function ask({ clients }: AwsBackendParts, place: AwsPlace): Promise<AwsError | null> {
  const secretId = healthProbeNameOf(place)
  try {
    await clients.of(place.region).values.findVersion({ secretId, deadlineMs: probeDeadlineMs })
    return null
  } catch (error) {
    // Refused for its state, so it was found and could have been read: somebody's own, about to be deleted.
    if (isInvalidRequest(error)) return null
    if (error instanceof AwsError) return error
    throw error
  }
}

async function findingOf(
  { clients: { credentials } }: AwsBackendParts,
  found: { place: AwsPlace; outcome: AwsError | null; warnings: readonly ProbeWarning[] }
): Promise<ProbeResult> {
  const { place, outcome, warnings } = found
  const held = outcome === null ? await credentials.get(heldCredentialsMs).catch(() => null) : null
  const facts = factsOf(place, held?.source ?? credentials.source)
  if (outcome !== null) return failed(outcome, { place, facts })
  const isLasting = held !== null && held.expiresAtMs === null
  return ready({ facts, warnings: isLasting ? ['lasting_credentials', ...warnings] : warnings })
}

/** What our own rows say about a place that AWS cannot tell. */
async function storedWarnings(
  { db, settings }: AwsBackendParts,
  { companyId, vault }: { companyId: string; vault: VaultRoute | null }
): Promise<ProbeWarning[]> {
  const [isUntagged, isShared] = await Promise.all([
    isLastUntagged(db, { companyId, vaultId: vault?.id ?? null }),
    settings.externalPrefixes === null && hasSeveralCompanies(db)
  ])
  const untagged = isUntagged ? (['tags_refused'] as const) : []
  return isShared ? [...untagged, 'references_unlimited'] : [...untagged]
}

function missingVariables(settings: AwsSettings, config: VaultConfig | null): string[] {
  const missing: string[] = []
  if (config === null && settings.region === null) missing.push('PAPERCLIP_SECRETS_AWS_REGION')
  if (settings.deploymentId === null && config?.namespace === undefined)
    missing.push('PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID')
  return missing
}

function factsOf(place: AwsPlace, credentialSource: string | null): ProviderFacts {
  const { region, prefix, namespace, deploymentId, kmsKeyId } = place
  return {
    region: region.region,
    secretNamePrefix: prefix,
    ...(namespace === null ? {} : { namespace }),
    ...(deploymentId === null ? {} : { deploymentId }),
    kmsKeyConfigured: kmsKeyId !== null,
    ...(credentialSource === null ? {} : { credentialSource })
  }
}

function describe({ settings, clients: { credentials } }: AwsBackendParts): string {
  const { region, prefix, deploymentId, kmsKeyId } = settings
  const key = kmsKeyId === null ? 'no KMS key of its own' : 'a KMS key of its own'
  const place = `region ${region?.region ?? 'not set'}, names below ${prefix}/${deploymentId ?? '(no deployment id)'}`
  return `${place}, ${key}, credentials from ${credentials.source ?? 'nowhere yet'}`
}

/** What is known of a place that says too little to be one. */
function factsOfSettings(settings: AwsSettings, config: VaultConfig | null): ProviderFacts {
  const { deploymentId } = settings
  const region = config === null ? settings.region?.region : config.region
  const namespace = config?.namespace ?? deploymentId
  return {
    ...(region === undefined ? {} : { region }),
    secretNamePrefix: config?.secretNamePrefix ?? settings.prefix,
    ...(namespace === null ? {} : { namespace }),
    ...(deploymentId === null ? {} : { deploymentId }),
    kmsKeyConfigured: (config?.kmsKeyId ?? settings.kmsKeyId) !== null
  }
}

const backupGuidance = [
  'Values lie at AWS only: a copy of the database holds where they are, and none of them.',
  'Keep three things that need each other: the database, the secrets at AWS under the configured prefix, and the KMS key with the right to decrypt. A KMS key that is deleted takes every value under it along.',
  'After a restore, check a vault or resolve one secret before agents run: a row that was restored may name a version that AWS has dropped since.'
]
