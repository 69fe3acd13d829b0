import { randomBytes } from 'node:crypto'
import { contentDigest } from './content-digest.js'
import { coveredComponents } from './covered-request.js'
import { signingProfile } from './profile.js'
import { signatureBase, signatureMac } from './signature-base.js'
import { formatSignature, formatSignatureInput, formatSignatureParams } from './signature-input.js'
import type { SigningKey } from './signing-key.js'

/** A request about to be sent. */
export interface RequestToSign {
  readonly method: string
  /** Exactly what goes out as `Host`. */
  readonly authority: string
  /** In normal form: no dot segments, no empty segments, no needless escapes. */
  readonly path: string
  /** Empty, or `?` and at least one character. */
  readonly query: string
  /** Exactly what goes out as `content-type`; given when, and only when, the body is not empty. */
  readonly contentType?: string | undefined
  /** The bytes that go out; a string stands for its UTF-8. */
  readonly body: string | Uint8Array | null
  /** The value of `paperclip-actor`, from `encodeActor`. */
  readonly actor: string
}

/** The headers to send beside `host` and `content-type`. */
export interface SignatureHeaders {
  readonly 'content-digest': string
  readonly 'paperclip-actor': string
  readonly 'signature-input': string
  readonly signature: string
}

const { nonceBytes } = signingProfile
// One call to the random source serves this many nonces: 0.4 µs each instead of 3.
const noncesDrawnAtOnce = 256
let drawn = Buffer.alloc(0)
let drawnUsedBytes = 0

/** Draws a nonce: 16 random bytes as base64url, never handed out twice. A repeated one is refused as a replay. */
export function newNonce(): string {
  if (drawnUsedBytes === drawn.length) {
    drawn = randomBytes(nonceBytes * noncesDrawnAtOnce)
    drawnUsedBytes = 0
  }
  drawnUsedBytes += nonceBytes
  return drawn.toString('base64url', drawnUsedBytes - nonceBytes, drawnUsedBytes)
}

/**
 * Signs a request for the next 30 seconds and returns the headers to add.
 *
 * Throws `malformed` for a request the verifier would not accept (see {@link RequestToSign}), so a caller that
 * passes on a path from outside must treat that as its own bad input, not as a failure.
 */
export function signRequest(
  key: SigningKey,
  request: RequestToSign,
  { nowMs, nonce }: { nowMs: number; nonce: string }
): SignatureHeaders {
  const digest = contentDigest(request.body ?? '')
  const contentType = request.contentType ?? null
  const { method, authority, path, query, actor } = request
  const covered = { method, authority, path, query, contentType, contentDigest: digest, actor }
  const components = coveredComponents(covered)
  const createdSeconds = Math.floor(nowMs / 1000)
  const params = formatSignatureParams({
    coversContentType: contentType !== null,
    createdSeconds,
    expiresSeconds: createdSeconds + signingProfile.validitySecondsMax,
    nonce,
    keyId: key.id
  })
  return {
    'content-digest': digest,
    'paperclip-actor': actor,
    'signature-input': formatSignatureInput(params),
    signature: formatSignature(signatureMac(key.hmacKey, signatureBase(components, params)))
  }
}
