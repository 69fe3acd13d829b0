import type { VaultConfig } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { findRegion } from './aws-partition.js'
import type { AwsPlace, AwsSettings } from './aws-settings.js'

/**
 * Where values of a vault lie, or, for null, those of the deployment. A vault that names no KMS key takes the
 * deployment's where that can be: in the same region. Throws `provider_not_configured` without a region.
 */
export function placeOf(settings: AwsSettings, config: VaultConfig | null): AwsPlace {
  const { deploymentId } = settings
  const region = config === null ? settings.region : findRegion(config.region ?? '')
  if (region == null) throw notConfigured(config === null ? needsRegion : needsKnownRegion)
  const sharesKey = config === null || region.region === settings.region?.region
  return {
    region,
    prefix: config?.secretNamePrefix ?? settings.prefix,
    namespace: config?.namespace ?? deploymentId,
    kmsKeyId: config?.kmsKeyId ?? (sharesKey ? settings.kmsKeyId : null),
    ownerTag: config?.ownerTag ?? settings.providerOwner,
    environmentTag: config?.environmentTag ?? settings.environment,
    deploymentId
  }
}

/** The namespace of a place. Throws `provider_not_configured` where nothing names one. */
export function namespaceOf({ namespace }: Pick<AwsPlace, 'namespace'>): string {
  if (namespace === null) throw notConfigured(needsNamespace)
  return namespace
}

const needsRegion =
  'AWS Secrets Manager is not set up for this deployment: set PAPERCLIP_SECRETS_AWS_REGION, or choose a provider vault, which names its region.'
const needsKnownRegion =
  'The provider vault names no region of AWS that is known: set "region" in its config.'
const needsNamespace =
  'Nothing says under which namespace values are kept: set PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID, or "namespace" in the config of the provider vault.'

function notConfigured(detail: string): AppError {
  return new AppError('provider_not_configured', { detail })
}
