import { SignatureError } from './signature-error.js'

/** The headers a signature rests on, each received exactly once. */
export interface ReceivedHeaders {
  readonly host: string
  readonly contentType: string | null
  readonly contentDigest: string
  readonly actor: string
  readonly signatureInput: string
  readonly signature: string
}

const namesRead: ReadonlySet<string> = new Set([
  'host',
  'content-type',
  'content-digest',
  'paperclip-actor',
  'signature-input',
  'signature',
  'content-encoding'
])

/**
 * Picks the headers of the profile out of node's raw list (`[name, value, name, value, …]`).
 *
 * The raw list because node's header object joins or drops duplicates, and a duplicate is how two readers of one
 * message come to see different values: any name above twice, in whatever casing, is `malformed`. So is
 * `content-encoding`: it changes what the signed bytes mean and is not itself signed.
 */
export function readReceivedHeaders(rawHeaders: readonly string[]): ReceivedHeaders {
  const found = new Map<string, string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase()
    const value = rawHeaders[index + 1]
    if (name === undefined || value === undefined) throw malformed('The header list is not one of pairs.')
    if (!namesRead.has(name)) continue
    if (found.has(name)) throw malformed('A header that must come once came twice.')
    found.set(name, value)
  }
  if (!found.has('signature') && !found.has('signature-input')) {
    throw new SignatureError('unsigned', 'The request is not signed.')
  }
  if (found.has('content-encoding')) throw malformed('A signed body may not be encoded.')
  return {
    host: required(found, 'host'),
    contentType: found.get('content-type') ?? null,
    contentDigest: required(found, 'content-digest'),
    actor: required(found, 'paperclip-actor'),
    signatureInput: required(found, 'signature-input'),
    signature: required(found, 'signature')
  }
}

function required(found: ReadonlyMap<string, string>, name: string): string {
  const value = found.get(name)
  if (value === undefined) throw malformed(`The header ${name} is missing.`)
  return value
}

function malformed(message: string): SignatureError {
  return new SignatureError('malformed', message)
}
