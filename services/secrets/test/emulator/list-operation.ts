import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Operation } from './operation.js'
import { metadataOf, stagesOf } from './read-operations.js'
import { purgeDue, type RemoteAccount } from './remote-account.js'
import { epochSeconds, type RemoteSecret } from './remote-secret.js'
import type { RequestParameters } from './request-parameters.js'
import { invalidParameter, ServiceError, validationError } from './service-error.js'

const pageMax = 100
const filtersMax = 10
const filterValuesMax = 10
const filterValueShape = /^!?[a-zA-Z0-9 :_@/+=.\-!]*$/
const filterValueCharactersMax = 512
const ivBytes = 12
const tagBytes = 16

interface Filter {
  readonly key: string
  readonly values: readonly string[]
}

type Read = (secret: RemoteSecret) => readonly string[]

const starts = (text: string, prefix: string) => text.startsWith(prefix)
const startsInAnyCase = (text: string, prefix: string) => text.toLowerCase().startsWith(prefix.toLowerCase())
const nameOf: Read = ({ name }) => [name]
const descriptionOf: Read = ({ description }) => [description ?? '']
const tagKeysOf: Read = ({ tags }) => [...tags.keys()]
const tagValuesOf: Read = ({ tags }) => [...tags.values()]
const nothing: Read = () => []
const words: Read = (secret) =>
  [nameOf, descriptionOf, tagKeysOf, tagValuesOf].flatMap((read) => read(secret)).flatMap(wordsOf)
const wordsOf = (text: string) => [text, ...text.split(/[^A-Za-z0-9]+/)]

const readers: Readonly<Record<string, readonly [Read, (text: string, prefix: string) => boolean]>> = {
  name: [nameOf, starts],
  description: [descriptionOf, startsInAnyCase],
  'tag-key': [tagKeysOf, starts],
  'tag-value': [tagValuesOf, starts],
  'primary-region': [nothing, starts],
  'owning-service': [nothing, starts],
  all: [words, startsInAnyCase]
}

export const listSecrets: Operation = ({ account, parameters, authorize, nowMs, listLagMs }) => {
  const size = parameters.integer('MaxResults') ?? pageMax
  if (size < 1 || size > pageMax) throw validationError(`MaxResults is 1 to ${pageMax}`)
  const token = parameters.text('NextToken', { charactersMax: 4096 })
  const filters = filtersOf(parameters)
  const order = parameters.text('SortOrder', { charactersMax: 4, shape: /^(?:asc|desc)$/ }) ?? 'asc'
  const withDeleted = parameters.flag('IncludePlannedDeletion')
  // An inventory belongs to the account: no policy can name a part of it.
  authorize('secretsmanager:ListSecrets', '*')
  const question = JSON.stringify([filters, order, withDeleted])
  const after = token === undefined ? '' : openCursor(account, token, question)
  const seenMs = nowMs - listLagMs
  const visible = secretsAt(account, { seenMs, nowMs })
    .filter((secret) => withDeleted || secret.deletion === null || secret.deletion.askedMs > seenMs)
    .filter((secret) => filters.every((filter) => passes(secret, filter)))
    .map((secret) => ({ secret, place: placeOf(secret) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1) * (order === 'asc' ? 1 : -1))
    .filter(({ place }) => after === '' || (order === 'asc' ? place > after : place < after))
  const page = visible.slice(0, size)
  const last = page.at(-1)
  const more = visible.length > page.length && last !== undefined
  return {
    SecretList: page.map(({ secret }) => entryOf(secret)),
    ...(more ? { NextToken: sealCursor(account, last.place, question) } : {})
  }
}

/** The secrets of a moment ago: not yet the newest, and still those that have gone since. */
function secretsAt(account: RemoteAccount, { seenMs, nowMs }: { seenMs: number; nowMs: number }) {
  purgeDue(account, nowMs)
  const gone = account.ghosts.filter(({ goneMs }) => goneMs > seenMs).map(({ secret }) => secret)
  return [...account.secrets.values(), ...gone].filter(({ createdMs }) => createdMs <= seenMs)
}

function entryOf(secret: RemoteSecret): Record<string, unknown> {
  const deleted = secret.deletion === null ? {} : { DeletedDate: epochSeconds(secret.deletion.askedMs) }
  return { ...metadataOf(secret), ...deleted, SecretVersionsToStages: stagesOf(secret) }
}

function filtersOf(parameters: RequestParameters): Filter[] {
  const filters = parameters.list('Filters') ?? []
  if (filters.length > filtersMax) throw validationError(`at most ${filtersMax} filters`)
  return filters.map((filter) => {
    const { Key, Values } = (filter ?? {}) as { Key?: unknown; Values?: unknown }
    if (typeof Key !== 'string' || readers[Key] === undefined)
      throw validationError('a filter has no such key')
    if (!Array.isArray(Values) || Values.length < 1 || Values.length > filterValuesMax)
      throw invalidParameter(`a filter has 1 to ${filterValuesMax} values`)
    return { key: Key, values: Values.map(filterValue) }
  })
}

function filterValue(value: unknown): string {
  if (typeof value !== 'string' || value.length > filterValueCharactersMax || !filterValueShape.test(value))
    throw validationError('a filter value has characters it may not')
  return value
}

/** One of its values has to match; `!` before one turns it round. */
function passes(secret: RemoteSecret, { key, values }: Filter): boolean {
  const [read, matches] = readers[key] ?? [nothing, starts]
  const found = read(secret)
  return values.some((value) =>
    value.startsWith('!')
      ? !found.some((text) => matches(text, value.slice(1)))
      : found.some((text) => matches(text, value))
  )
}

function placeOf({ createdMs, arn }: RemoteSecret): string {
  return `${String(createdMs).padStart(15, '0')} ${arn}`
}

/** Says nothing to whoever holds it, and is good for the same question only. */
function sealCursor({ cursorKey }: RemoteAccount, place: string, question: string): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', cursorKey, iv).setAAD(Buffer.from(question))
  const sealed = Buffer.concat([cipher.update(place), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
}

function openCursor({ cursorKey }: RemoteAccount, cursor: string, question: string): string {
  const bytes = Buffer.from(cursor, 'base64url')
  // A letter too many decodes to the same bytes.
  const isAsGiven = bytes.toString('base64url') === cursor
  const [iv, tag] = [bytes.subarray(0, ivBytes), bytes.subarray(ivBytes, ivBytes + tagBytes)]
  try {
    if (!isAsGiven) throw new Error('not as it was given')
    const opener = createDecipheriv('aes-256-gcm', cursorKey, iv, { authTagLength: tagBytes })
    opener.setAAD(Buffer.from(question)).setAuthTag(tag)
    const place = opener.update(bytes.subarray(ivBytes + tagBytes))
    return Buffer.concat([place, opener.final()]).toString()
  } catch {
    throw new ServiceError('InvalidNextTokenException', 'that is not a cursor of this list')
  }
}
