import { timingSafeEqual } from 'node:crypto'
import { decodeActor } from './actor-header.js'
import { contentDigest } from './content-digest.js'
import { coveredComponents } from './covered-request.js'
import { signingProfile } from './profile.js'
import { readReceivedHeaders } from './received-headers.js'
import { signatureBase, signatureMac } from './signature-base.js'
import { SignatureError } from './signature-error.js'
import { parseSignature, parseSignatureInput, type SignatureParams } from './signature-input.js'
import type { VerifierKey } from './signing-key.js'

/** A request as node received it: `method`, `url` and `rawHeaders` of an IncomingMessage. */
export interface ReceivedHead {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
}

/** Where keys come from and what time it is. */
export interface VerifyOptions {
  readonly findKey: (keyId: string) => VerifierKey | undefined
  readonly nowMs: number
}

/** A request whose signature and body were both checked. Whether its nonce is new is the caller's to check. */
export interface VerifiedRequest {
  readonly key: VerifierKey
  readonly nonce: string
  readonly createdMs: number
  readonly expiresMs: number
  /** Decoded, not yet checked against the actor schema. */
  readonly actor: Record<string, unknown>
}

/** A request whose signature was checked and whose body was not yet: good for nothing but reading the body. */
export interface VerifiedHead {
  /** The authenticated `Content-Digest` that the body must have. */
  readonly contentDigest: string
  readonly request: VerifiedRequest
}

/**
 * Verifies everything a signature says before the body is read, so that a stranger's body is never buffered.
 *
 * Order: form of the headers (`unsigned`, `malformed`), validity (`stale`), key (`unknown_key`, `key_expired`),
 * MAC (`bad_signature`), actor (`malformed`). The MAC comes late because only it costs anything, and it covers
 * the digest, so {@link verifyRequestBody} has nothing left to trust.
 */
export function verifyRequestHead(head: ReceivedHead, { findKey, nowMs }: VerifyOptions): VerifiedHead {
  const headers = readReceivedHeaders(head.rawHeaders)
  const input = parseSignatureInput(headers.signatureInput)
  const mac = parseSignature(headers.signature)
  const { contentType, actor } = headers
  const covered = { contentType, contentDigest: headers.contentDigest, actor, authority: headers.host }
  const components = coveredComponents({ method: head.method, ...splitTarget(head.url), ...covered })
  if (input.coversContentType !== (contentType !== null)) {
    throw new SignatureError(
      'malformed',
      'The signature must cover the content type exactly when there is one.'
    )
  }
  requireFresh(input, nowMs)
  const key = requireKey(findKey(input.keyId), nowMs)
  const expected = signatureMac(key.hmacKey, signatureBase(components, input.text))
  // Both are 32 bytes. The result is compared with true: nothing truthy by accident lets a request in.
  if (timingSafeEqual(mac, expected) !== true)
    throw new SignatureError('bad_signature', 'The signature is wrong.')
  const request: VerifiedRequest = {
    key,
    nonce: input.nonce,
    createdMs: input.createdSeconds * 1000,
    expiresMs: input.expiresSeconds * 1000,
    actor: decodeActor(actor)
  }
  return { contentDigest: headers.contentDigest, request }
}

/** Checks that the body is the one that was signed, to the byte; throws `bad_digest`. Null means no body. */
export function verifyRequestBody(head: VerifiedHead, body: Uint8Array | null): VerifiedRequest {
  // Not secret, so no constant time: the sender knows the digest and the body.
  if (contentDigest(body ?? '') !== head.contentDigest) {
    throw new SignatureError('bad_digest', 'The body is not the one that was signed.')
  }
  return head.request
}

/** Verifies head and body in one go, for callers that already hold the body. */
export function verifyRequest(
  received: ReceivedHead & { readonly body: Uint8Array | null },
  options: VerifyOptions
): VerifiedRequest {
  return verifyRequestBody(verifyRequestHead(received, options), received.body)
}

// By the first "?" and nothing else: a URL parser would repair what must be refused.
function splitTarget(url: string): { path: string; query: string } {
  const queryStart = url.indexOf('?')
  if (queryStart === -1) return { path: url, query: '' }
  return { path: url.slice(0, queryStart), query: url.slice(queryStart) }
}

function requireFresh({ createdSeconds, expiresSeconds }: SignatureParams, nowMs: number): void {
  const validitySeconds = expiresSeconds - createdSeconds
  if (validitySeconds <= 0 || validitySeconds > signingProfile.validitySecondsMax) {
    throw new SignatureError('stale', 'The signature is not valid for 1 to 30 seconds.')
  }
  if (createdSeconds * 1000 > nowMs + signingProfile.createdAheadSecondsMax * 1000) {
    throw new SignatureError('stale', 'The signature was created in the future.')
  }
  if (expiresSeconds * 1000 <= nowMs) throw new SignatureError('stale', 'The signature has expired.')
}

function requireKey(key: VerifierKey | undefined, nowMs: number): VerifierKey {
  if (key === undefined) throw new SignatureError('unknown_key', 'The signing key is not known.')
  if (key.notAfterMs !== null && key.notAfterMs <= nowMs) {
    throw new SignatureError('key_expired', 'The signing key has expired.')
  }
  return key
}
