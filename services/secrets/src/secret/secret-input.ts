import {
  type CreateSecret,
  findInfraSecret,
  infraSecretGuidance,
  isSensitive,
  limits,
  looksLikeCredential,
  redactionPlaceholder,
  slugOf
} from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { ExternalReference } from '../provider/provider.js'

/** A new secret whose members fit together. */
export interface NewSecret {
  readonly name: string
  readonly key: string
  readonly description: string | null
  readonly material: NewMaterial
}

/** What a new version is made of: a value to keep, or the place of one that is only ever read. */
export type NewMaterial = { readonly value: Buffer } | { readonly reference: ExternalReference }

/** A name is one line of a list. */
const controlCharacter = /\p{Cc}/u

/** Checks a create body beyond its schema. Throws the problem of the first fault, never with the value. */
export function checkNewSecret(input: CreateSecret): NewSecret {
  const name = checkName(input.name)
  requireOneKind(input)
  const key = input.key === undefined ? slugOf(name) : checkKey(input.key)
  if (key === '')
    throw new AppError('key_required', {
      detail: 'key required: no key can be made from this name. Send "key" too.'
    })
  refuseInfraSecret(name, input.key ?? key)
  const description = checkDescription(input.description)
  checkMetadata(input.providerMetadata)
  return { name, key, description, material: newMaterial(input) }
}

/** A value and a reference exclude each other; the mode says which of them it is. */
function requireOneKind({ managedMode, value, externalRef, providerVersionRef }: CreateSecret): void {
  const external = managedMode === 'external_reference'
  if (external && value !== undefined) throw invalid('/value', 'does not go with an external reference')
  if (external && externalRef === undefined) throw invalid('/externalRef', 'is required')
  if (!external && externalRef !== undefined)
    throw invalid('/externalRef', 'goes only with managedMode external_reference')
  if (!external && providerVersionRef != null)
    throw invalid('/providerVersionRef', 'goes only with managedMode external_reference')
  if (!external && value === undefined) throw invalid('/value', 'is required')
}

function newMaterial({ value, externalRef, providerVersionRef }: CreateSecret): NewMaterial {
  if (externalRef !== undefined)
    return {
      reference: {
        externalRef: checkExternalRef(externalRef),
        providerVersionRef: checkVersionRef(providerVersionRef ?? null)
      }
    }
  const bytes = valueBytes(value ?? '')
  if (bytes.toString().trim() === '')
    throw new AppError('value_blank', { detail: 'The value is empty or only white space.' })
  return { value: bytes }
}

/** A reference as it is sent on: what it means is the provider's to say. */
export function checkExternalRef(text: string): string {
  refuseCredential('/externalRef', text)
  if (isTidy(text)) return text
  throw invalid('/externalRef', 'must be one line without blanks around it')
}

/** A version's name at its provider; null follows what is current there. */
export function checkVersionRef(text: string | null): string | null {
  if (text === null) return null
  refuseCredential('/providerVersionRef', text)
  if (isTidy(text)) return text
  throw invalid('/providerVersionRef', 'must be one line without blanks around it')
}

function isTidy(text: string): boolean {
  return text !== '' && text === text.trim() && !controlCharacter.test(text)
}

/** A name as it is stored: trimmed, one line, not blank. */
export function checkName(text: string): string {
  const name = text.trim()
  if (name === '') throw invalid('/name', 'must not be blank')
  refuseCredential('/name', name)
  if (controlCharacter.test(name)) throw invalid('/name', 'must not contain control characters')
  return name
}

/** A key as it is stored; its characters are those of the schema. */
export function checkKey(text: string): string {
  refuseCredential('/key', text)
  return text.toLowerCase()
}

/** A description as it is stored. */
export function checkDescription(text: string | null | undefined): string | null {
  const description = text?.trim() || null
  if (description !== null) refuseCredential('/description', description)
  return description
}

/** Facts about a linked secret that are kept with it, never one that is or announces a value. */
function checkMetadata(metadata: CreateSecret['providerMetadata']): void {
  for (const [name, fact] of Object.entries(metadata ?? {})) {
    refuseCredential('/providerMetadata', name)
    if (typeof fact === 'string' && isSensitive(name, fact)) refuseValue('/providerMetadata')
  }
}

/** What every member of the company reads, and the record repeats, is no place for a value. */
export function refuseCredential(pointer: string, text: string): void {
  if (looksLikeCredential(text)) refuseValue(pointer)
}

function refuseValue(pointer: string): never {
  throw invalid(pointer, 'looks like a value itself: only "value" is kept secret. Nothing of it was stored')
}

/** Refuses names and keys of what configures the deployment itself, without repeating them. */
export function refuseInfraSecret(...texts: readonly string[]): void {
  const [found] = texts.flatMap((text) => findInfraSecret(text) ?? [])
  if (found !== undefined) throw new AppError('infra_secret', { detail: infraSecretGuidance(found) })
}

/** Checks a new value and gives its bytes. */
export function checkNewValue(text: string): Buffer {
  const value = valueBytes(text)
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

/** Names one faulty member of a body; never repeats what was in it. */
export function invalid(pointer: string, message: string): AppError {
  return new AppError('invalid_request', {
    detail: `Body member "${pointer}" ${message}.`,
    errors: [{ pointer, message }]
  })
}
