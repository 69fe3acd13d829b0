import type { ProviderFacts } from '@paperclip/contracts'
import type { ProbeResult } from '../vault-backend.js'
import type { AwsError, AwsErrorKind } from './aws-error.js'
import type { AwsPlace } from './aws-settings.js'

/** What works, but should not stay as it is. */
export type ProbeWarning = 'lasting_credentials' | 'tags_refused' | 'references_unlimited'

const chain =
  'Credentials are looked for as the AWS SDK does, in the process of the secrets service: a role of the instance, the container or a web identity; a profile or SSO (AWS_PROFILE); or, for a short trial, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'

const custody =
  'Credentials that open AWS belong to the deployment: never keep them as secrets of a company (company_secrets), since the provider would have to be open to be opened.'

/** What to do about each. */
export const warningTexts: Readonly<Record<ProbeWarning, string>> = {
  lasting_credentials:
    'The credentials were given as they are, in the environment or a profile, and nothing renews them: let the secrets service have a role, and keep such keys for short trials.',
  tags_refused:
    'AWS did not take the tags of the newest secret made here: add secretsmanager:TagResource to the policy. This ends with the next secret that is made.',
  references_unlimited:
    'Every company may link any secret that this deployment can read: set PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES, where {companyId} stands for the company.'
}

/** AWS answered. */
export function ready({
  facts,
  warnings
}: {
  facts: ProviderFacts
  warnings: readonly ProbeWarning[]
}): ProbeResult {
  const [only, ...others] = warnings
  if (only === undefined)
    return {
      status: 'ready',
      code: 'provider_ready',
      message: 'AWS Secrets Manager answers, and lets this deployment read under its prefix.',
      guidance: [],
      facts
    }
  return {
    status: 'warning',
    code: others.length === 0 ? only : 'provider_warning',
    message: 'AWS Secrets Manager answers, but something about it should be changed.',
    guidance: [...warnings.map((warning) => warningTexts[warning]), custody],
    facts
  }
}

/** Nothing was asked: it is not known where. */
export function notConfigured({
  missing,
  detail,
  facts
}: {
  missing: readonly string[]
  detail?: string
  facts: ProviderFacts
}): ProbeResult {
  const isVaults = facts.region !== undefined && facts.namespace === undefined
  return {
    status: 'error',
    code: 'provider_not_configured',
    message: detail ?? `AWS Secrets Manager is not set up here: ${missing.join(' and ')} must be set.`,
    guidance: [
      ...missing.map((name) => `Set ${name} where the secrets service is started.`),
      ...(isVaults ? ['A provider vault may name a "namespace" of its own instead.'] : []),
      chain,
      custody
    ],
    facts: { ...facts, ...(missing.length === 0 ? {} : { missingVariables: [...missing] }) }
  }
}

interface Words {
  readonly code: string
  readonly message: string
  readonly guidance: (error: AwsError, place: AwsPlace) => readonly string[]
}

const unexpected: Words = {
  code: 'provider_rejected',
  message: 'AWS Secrets Manager does not take the request.',
  guidance: () => [
    'Look whether the KMS key is enabled and of the same region, and whether prefix and namespace are meant so.'
  ]
}

/** By kind; what can go wrong with a write only is not expected here. */
const words: Readonly<Record<AwsErrorKind, Words>> = {
  access_denied: {
    code: 'provider_access_denied',
    message: 'AWS does not let this deployment read under its prefix.',
    guidance: ({ permissions }, { prefix, namespace }) => [
      `One of these permissions is missing: ${permissions.join(', ')}. The first is needed for names that begin with ${prefix}/${namespace}/, the second for the KMS key, if there is one.`,
      'deploy/aws.md shows the whole policy.'
    ]
  },
  bad_credentials: {
    code: 'credentials_refused',
    message: 'AWS does not accept the credentials of this deployment.',
    guidance: () => ['Renew them, and look whether the clock of this machine is right.', chain]
  },
  no_credentials: {
    code: 'credentials_missing',
    message: 'No credentials for AWS were found in time.',
    guidance: () => [chain]
  },
  throttled: {
    code: 'provider_throttled',
    message: 'AWS Secrets Manager is asked more often than it allows.',
    guidance: () => ['Wait a minute and check again. Others that use the account in this region count too.']
  },
  unavailable: {
    code: 'provider_unavailable',
    message: 'AWS Secrets Manager cannot be reached, or gives no answer that can be read.',
    guidance: (_, { region }) => [
      `Look whether the secrets service gets to Secrets Manager in ${region.region}: network, DNS, VPC endpoint, and PAPERCLIP_SECRETS_AWS_ENDPOINT if it is set.`,
      'Then look at how AWS says the region is.'
    ]
  },
  rejected: unexpected,
  not_found: unexpected,
  exists: unexpected,
  scheduled_for_deletion: unexpected
}

/** AWS refused, or did not answer; every word is ours. */
export function failed(
  error: AwsError,
  { place, facts }: { place: AwsPlace; facts: ProviderFacts }
): ProbeResult {
  const { code, message, guidance } = words[error.kind]
  return { status: 'error', code, message, guidance: [...guidance(error, place), custody], facts }
}
