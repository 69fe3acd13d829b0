import { looksLikeCredential, VaultConfig } from '@paperclip/contracts'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { parseCustomEndpoint } from './provider/aws/aws-endpoint.js'
import { parseExternalPrefix } from './provider/aws/aws-external-prefix.js'
import { faultOfKmsKey } from './provider/aws/aws-kms-key.js'
import { recoveryDaysMax, recoveryDaysMin } from './provider/aws/aws-limits.js'
import { type AwsRegion, findRegion } from './provider/aws/aws-partition.js'
import type { AwsSettings } from './provider/aws/aws-settings.js'

const family = 'PAPERCLIP_SECRETS_AWS_'
/** What stands without a vault where `PAPERCLIP_SECRETS_PROVIDER` is AWS; the operator's key is one of them. */
const neededByDefault = ['REGION', 'DEPLOYMENT_ID', 'KMS_KEY_ID'] as const

const standardPrefix = 'paperclip'
const standardOwner = 'paperclip'
/** The longest: a deletion that was a mistake is noticed late. */
const standardRecoveryDays = recoveryDaysMax
const externalPrefixesMax = 64

/** Written as the members of a vault are that say the same. */
const members = VaultConfig.properties

/**
 * Reads `PAPERCLIP_SECRETS_AWS_*`. Blank counts as unset. Gives a sentence for each variable that is wrong, which
 * names it and never what it holds; what such a variable sets is then not to be used.
 */
export function readAwsSettings(
  env: NodeJS.ProcessEnv,
  { isDefaultProvider }: { isDefaultProvider: boolean }
): { settings: AwsSettings; faults: string[] } {
  const faults: string[] = []
  const variables: Variables = {
    find: (name) => env[family + name]?.trim() || null,
    refuse: (name, message) => void faults.push(`${family}${name} ${message}`)
  }
  const region = readRegion(variables)
  const settings: AwsSettings = {
    region,
    deploymentId: readText(variables, 'DEPLOYMENT_ID', members.namespace, pathSentence),
    kmsKeyId: readKmsKey(variables, region),
    prefix: readText(variables, 'PREFIX', members.secretNamePrefix, pathSentence) ?? standardPrefix,
    environment: readText(variables, 'ENVIRONMENT', members.environmentTag, tagSentence),
    providerOwner: readText(variables, 'PROVIDER_OWNER', members.ownerTag, tagSentence) ?? standardOwner,
    endpoint: readEndpoint(variables),
    deleteRecoveryDays: readRecoveryDays(variables),
    externalPrefixes: readExternalPrefixes(variables)
  }
  if (isDefaultProvider)
    for (const name of neededByDefault)
      if (variables.find(name) === null)
        variables.refuse(name, 'is not set: PAPERCLIP_SECRETS_PROVIDER=aws_secrets_manager needs it')
  return { settings: Object.freeze(settings), faults }
}

interface Variables {
  find(name: string): string | null
  refuse(name: string, message: string): void
}

const pathSentence =
  'must be parts of letters, digits and _+=.@- with single slashes between them, 128 at most'
const tagSentence = 'must be 1 to 256 letters, digits, spaces and _.:/=+@-, as AWS takes them in tags'
const credentialSentence = 'looks like a credential: AWS finds those by its own variables and roles'

/** What is read here is printed at start, so a credential that went astray must not come further. */
function readText(
  { find, refuse }: Variables,
  name: string,
  shape: TSchema,
  sentence: string
): string | null {
  const text = find(name)
  if (text === null) return null
  if (looksLikeCredential(text)) refuse(name, credentialSentence)
  else if (!Value.Check(shape, text)) refuse(name, sentence)
  return text
}

function readRegion({ find, refuse }: Variables): AwsRegion | null {
  const text = find('REGION')
  const region = text === null ? null : findRegion(text)
  if (region === undefined) refuse('REGION', 'is not a known region of AWS')
  return region ?? null
}

function readKmsKey(variables: Variables, region: AwsRegion | null): string | null {
  const { find, refuse } = variables
  const text = readText(
    variables,
    'KMS_KEY_ID',
    members.kmsKeyId,
    'must be the id, the alias or the ARN of a KMS key'
  )
  if (text === null) return null
  if (find('REGION') === null) refuse('KMS_KEY_ID', `is a key of one region: set ${family}REGION with it`)
  const isReadable = Value.Check(members.kmsKeyId, text) && !looksLikeCredential(text)
  const fault = region === null || !isReadable ? null : faultOfKmsKey(text, region)
  if (fault !== null) refuse('KMS_KEY_ID', fault)
  return text
}

function readEndpoint({ find, refuse }: Variables): URL | null {
  const text = find('ENDPOINT')
  if (text === null) return null
  try {
    return parseCustomEndpoint(text)
  } catch (error) {
    refuse('ENDPOINT', `is refused. ${(error as Error).message}`)
    return null
  }
}

function readRecoveryDays({ find, refuse }: Variables): number {
  const text = find('DELETE_RECOVERY_DAYS')
  if (text === null) return standardRecoveryDays
  const days = /^[0-9]{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (!(days >= recoveryDaysMin && days <= recoveryDaysMax))
    refuse(
      'DELETE_RECOVERY_DAYS',
      `must be a whole number of days from ${recoveryDaysMin} to ${recoveryDaysMax}`
    )
  return days
}

function readExternalPrefixes({ find, refuse }: Variables): readonly string[] | null {
  const text = find('EXTERNAL_PREFIXES')
  if (text === null) return null
  const entries = text.split(',').map((entry) => parseExternalPrefix(entry.trim()))
  const prefixes = entries.filter((entry) => entry !== null)
  if (prefixes.length < entries.length || looksLikeCredential(text))
    refuse(
      'EXTERNAL_PREFIXES',
      'must be a comma list of beginnings of names: letters, digits and /_+=.@!-, no empty entry or part, and {companyId} for the company'
    )
  if (entries.length > externalPrefixesMax)
    refuse('EXTERNAL_PREFIXES', `has more than ${externalPrefixesMax} entries`)
  return Object.freeze(prefixes)
}
