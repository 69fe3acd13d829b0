import {
  type CreateSecret,
  isInfraSecretName,
  limits,
  type ProviderId,
  type RotateSecret,
  redactionPlaceholder,
  slugOf
} from '@paperclip/contracts'
import { AppError } from '@paperclip/server'

/** A new secret whose members fit together. */
export interface NewSecret {
  readonly name: string
  readonly key: string
  readonly description: string | null
  readonly provider: ProviderId
  readonly value: Buffer
}

/** A name is one line of a list. */
const controlCharacter = /\p{Cc}/u

/** Checks a create body beyond its schema. Throws the problem of the first fault, never with the value. */
export function checkNewSecret(input: CreateSecret, defaultProvider: ProviderId): NewSecret {
  const name = checkName(input.name)
  const external = input.managedMode === 'external_reference'
  if (external && input.value !== undefined) throw invalid('/value', 'does not go with an external reference')
  if (external && input.externalRef === undefined) throw invalid('/externalRef', 'is required')
  if (!external && input.externalRef !== undefined)
    throw invalid('/externalRef', 'goes only with managedMode external_reference')
  if (!external && input.providerVersionRef != null)
    throw invalid('/providerVersionRef', 'goes only with managedMode external_reference')
  if (!external && input.value === undefined) throw invalid('/value', 'is required')
  requireNoVault(input.providerConfigId)
  const provider = input.provider ?? defaultProvider
  if (provider !== 'local_encrypted')
    throw new AppError('provider_unsupported', { detail: `The provider ${provider} cannot be used yet.` })
  if (external) throw noExternalReferences()
  const key = input.key === undefined ? slugOf(name) : checkKey(input.key)
  if (key === '')
    throw new AppError('key_required', {
      detail: 'key required: no key can be made from this name. Send "key" too.'
    })
  refuseInfraSecret(name, key)
  const value = valueBytes(input.value ?? '')
  if (value.toString().trim() === '')
    throw new AppError('value_blank', { detail: 'The value is empty or only white space.' })
  return { name, key, description: input.description?.trim() || null, provider, value }
}

/** A name as it is stored: trimmed, one line, not blank. */
export function checkName(text: string): string {
  const name = text.trim()
  if (name === '') throw invalid('/name', 'must not be blank')
  if (controlCharacter.test(name)) throw invalid('/name', 'must not contain control characters')
  return name
}

/** A key as it is stored; its characters are those of the schema. */
export function checkKey(text: string): string {
  return text.toLowerCase()
}

/** Refuses names and keys of what configures the deployment itself. */
export function refuseInfraSecret(...texts: readonly string[]): void {
  const found = texts.find(isInfraSecretName)
  if (found === undefined) return
  throw new AppError('infra_secret', {
    detail: `${found} is a secret of the deployment itself. Keep it where the deployment is configured; company secrets are for what agents use.`
  })
}

/** Checks a rotate body for a secret of a local provider and gives the new value's bytes. */
export function checkRotation(input: RotateSecret): Buffer {
  if (input.externalRef !== undefined || input.providerVersionRef != null) throw noExternalReferences()
  requireNoVault(input.providerConfigId)
  if (input.value === undefined) throw invalid('/value', 'is required: send the new value')
  const value = valueBytes(input.value)
  if (value.toString().trim() === '') throw invalid('/value', 'must not be blank')
  return value
}

function valueBytes(text: string): Buffer {
  if (text.trim() === redactionPlaceholder)
    throw new AppError('value_placeholder', {
      detail: 'This is the placeholder that replies show instead of a value. Send the value itself.'
    })
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length > limits.valueBytesMax)
    throw invalid('/value', `must be at most ${limits.valueBytesMax} bytes of UTF-8`)
  return bytes
}

function requireNoVault(providerConfigId: string | null | undefined): void {
  if (providerConfigId != null) throw new AppError('vault_not_found')
}

function noExternalReferences(): AppError {
  return new AppError('external_ref_unsupported', {
    detail: 'The provider local_encrypted holds values itself and has no external references.'
  })
}

function invalid(pointer: string, message: string): AppError {
  return new AppError('invalid_request', {
    detail: `Body member "${pointer}" ${message}.`,
    errors: [{ pointer, message }]
  })
}
