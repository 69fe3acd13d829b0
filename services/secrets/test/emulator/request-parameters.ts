import { invalidParameter, invalidRequest, ServiceError, validationError } from './service-error.js'

interface TextLimits {
  readonly charactersMin?: number
  readonly charactersMax: number
  readonly shape?: RegExp
}

/** A tag as the service stores it. */
export interface Tag {
  readonly Key: string
  readonly Value: string
}

const nameShape = /^[A-Za-z0-9/_+=.@!-]+$/
const tagShape = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u
const tagsMax = 50
const labelsMax = 20
const valueBytesMax = 65_536

/** The parameters of one call, read strictly; which are read decides what the call accepts. */
export class RequestParameters {
  readonly #members: Readonly<Record<string, unknown>>

  constructor(body: Buffer) {
    this.#members = parseObject(body)
  }

  /** What the log may show: names and ids, never a value. */
  find(name: 'Name' | 'SecretId' | 'VersionId' | 'ClientRequestToken'): string | null {
    const found = this.#members[name]
    return typeof found === 'string' ? found : null
  }

  text(name: string, { charactersMin = 1, charactersMax, shape }: TextLimits): string | undefined {
    const found = this.#typed(name, 'string') as string | undefined
    if (found === undefined) return undefined
    if (found.length < charactersMin || found.length > charactersMax)
      throw validationError(`${name} has ${charactersMin} to ${charactersMax} characters`)
    if (shape !== undefined && !shape.test(found)) throw validationError(`${name} has characters it may not`)
    return found
  }

  required(name: string, limits: TextLimits): string {
    const found = this.text(name, limits)
    if (found === undefined) throw validationError(`${name} must be given`)
    return found
  }

  integer(name: string): number | undefined {
    const found = this.#typed(name, 'number') as number | undefined
    if (found !== undefined && !Number.isInteger(found))
      throw new ServiceError('SerializationException', `${name} is not an integer`)
    return found
  }

  flag(name: string): boolean {
    return this.#typed(name, 'boolean') === true
  }

  list(name: string): readonly unknown[] | undefined {
    const found = this.#members[name]
    if (found === undefined || found === null) return undefined
    if (!Array.isArray(found)) throw new ServiceError('SerializationException', `${name} is not a list`)
    return found
  }

  secretName(): string {
    return this.required('Name', { charactersMax: 512, shape: nameShape })
  }

  secretId(): string {
    return this.required('SecretId', { charactersMax: 2048 })
  }

  /** Official clients make one up; a raw call has to bring it. */
  token(): string {
    const token = this.text('ClientRequestToken', { charactersMin: 32, charactersMax: 64 })
    if (token === undefined) throw invalidRequest('a ClientRequestToken must be given')
    return token
  }

  /** The value as bytes and in which member it came; null when there is none. */
  value(): { bytes: Buffer; binary: boolean } | null {
    const text = this.#typed('SecretString', 'string') as string | undefined
    const base64 = this.#typed('SecretBinary', 'string') as string | undefined
    if (text !== undefined && base64 !== undefined)
      throw invalidParameter('a value is text or binary, not both')
    if (text === undefined && base64 === undefined) return null
    const bytes = text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text)
    if (bytes.length < 1 || bytes.length > valueBytesMax)
      throw validationError(`a value has 1 to ${valueBytesMax} bytes`)
    return { bytes, binary: text === undefined }
  }

  labels(): readonly string[] | undefined {
    const labels = this.list('VersionStages')
    if (labels === undefined) return undefined
    if (labels.length < 1 || labels.length > labelsMax)
      throw validationError(`VersionStages has 1 to ${labelsMax} members`)
    return labels.map((label) => {
      if (typeof label !== 'string' || label.length < 1 || label.length > 256)
        throw validationError('a staging label has 1 to 256 characters')
      return label
    })
  }

  tags(): readonly Tag[] {
    const tags = (this.list('Tags') ?? []).map(toTag)
    if (new Set(tags.map(({ Key }) => Key)).size !== tags.length) throw invalidParameter('a tag is repeated')
    if (tags.length > tagsMax) throw invalidParameter(`at most ${tagsMax} tags`)
    return tags
  }

  #typed(name: string, type: 'string' | 'number' | 'boolean'): unknown {
    const found = this.#members[name]
    if (found === undefined || found === null) return undefined
    if (typeof found !== type) throw new ServiceError('SerializationException', `${name} is not a ${type}`)
    return found
  }
}

function toTag(found: unknown): Tag {
  const { Key, Value = '' } = (found ?? {}) as { Key?: unknown; Value?: unknown }
  if (typeof Key !== 'string' || typeof Value !== 'string')
    throw new ServiceError('SerializationException', 'a tag is a key and a value')
  if (
    Key.length < 1 ||
    Key.length > 128 ||
    Value.length > 256 ||
    !tagShape.test(Key) ||
    !tagShape.test(Value)
  )
    throw validationError('a tag has a key of 1 to 128 and a value of up to 256 plain characters')
  if (Key.toLowerCase().startsWith('aws:')) throw invalidParameter('tags of AWS itself are reserved')
  return { Key, Value }
}

function parseObject(body: Buffer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>
  } catch {
    // Refused below, in the words of the service.
  }
  throw new ServiceError('SerializationException', 'the body is not a JSON object')
}
