import { isUtf8 } from 'node:buffer'
import { signingProfile } from './profile.js'
import { SignatureError } from './signature-error.js'

const base64urlPattern = /^[A-Za-z0-9_-]+$/

/**
 * Writes an actor as the value of `paperclip-actor`: base64url (RFC 4648 §5, no padding) of its JSON text.
 *
 * Throws `malformed` when the header would pass 24 KiB. What an actor may contain is the contract's business.
 */
export function encodeActor(actor: object): string {
  const header = Buffer.from(JSON.stringify(actor), 'utf8').toString('base64url')
  requireActorHeader(header)
  return header
}

/**
 * Reads the value of `paperclip-actor` back into an object of unknown members.
 *
 * Accepts one spelling of the bytes only (no padding, no spare bits), valid UTF-8, and a JSON object; anything
 * else is `malformed`. The caller must check the result against the actor schema.
 */
export function decodeActor(header: string): Record<string, unknown> {
  if (header.length > signingProfile.actorHeaderBytesMax) throw notAnActor()
  const bytes = Buffer.from(header, 'base64url')
  // Node's decoder skips what it does not know; writing the bytes again shows it.
  if (bytes.toString('base64url') !== header || !isUtf8(bytes)) throw notAnActor()
  const actor = parseJson(bytes.toString('utf8'))
  if (typeof actor !== 'object' || actor === null || Array.isArray(actor)) throw notAnActor()
  return actor as Record<string, unknown>
}

/** Throws `malformed` unless the text has the alphabet and the size of an actor header. */
export function requireActorHeader(header: string): void {
  if (header.length > signingProfile.actorHeaderBytesMax || !base64urlPattern.test(header)) throw notAnActor()
}

// The parser's own message quotes its input, so it goes no further.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notAnActor()
  }
}

function notAnActor(): SignatureError {
  return new SignatureError(
    'malformed',
    'The actor header is not base64url of a JSON object within its limit.'
  )
}
