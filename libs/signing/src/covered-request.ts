import { requireActorHeader } from './actor-header.js'
import { emptyContentDigest, isContentDigest } from './content-digest.js'
import { type ComponentName, signingProfile } from './profile.js'
import type { Component } from './signature-base.js'
import { SignatureError } from './signature-error.js'

/** What a signature covers, as signer and verifier each found it. */
export interface CoveredRequest {
  readonly method: string
  /** The `Host` header; its case does not matter. */
  readonly authority: string
  readonly path: string
  /** With its question mark; empty when the target has none. */
  readonly query: string
  readonly contentType: string | null
  readonly contentDigest: string
  readonly actor: string
}

const methodPattern = /^[A-Z]{1,16}$/
const authorityPattern = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/
// RFC 3986 pchar and "/"; percent-encoding in its upper-case spelling only.
const pathPattern = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-F]{2})*$/
const emptyOrDotSegmentPattern = /\/\/|\/\.{1,2}(?:\/|$)/
// Encoded unreserved characters have a plainer spelling; encoded controls, "/" and "\" are read differently by
// different routers.
const needlessEscapePattern = /%(?:[01].|2[DEF]|3[0-9]|4[1-9A-F]|5[0-9ACF]|6[1-9A-F]|7[0-9AEF])/
// Visible ASCII without "#". A lone "?" would sign like no query at all, so it is refused.
const queryPattern = /^(?:\?[!"$-~]+)?$/
// No comma: two joined headers cannot look like one.
const contentTypePattern = /^[a-z0-9.+-]+\/[a-z0-9.+-]+(?:; ?[a-z0-9-]+=[A-Za-z0-9._-]+)*$/

/**
 * Lists the covered components of a request with their values, in the profile's order.
 *
 * Signer and verifier both come through here, so what one may sign is what the other may accept. Throws
 * `malformed` for whatever has a second spelling: a path that is not normalised, an empty query, a content
 * type without a body or a body without one. "Has a body" means that the digest is not that of no bytes, which
 * lets the verifier decide before it has read the body.
 */
export function coveredComponents(request: CoveredRequest): Component[] {
  const authority = request.authority.toLowerCase()
  requireTarget(request)
  requireContent(request)
  requireForm(
    authority.length <= signingProfile.authorityBytesMax && authorityPattern.test(authority),
    'The authority is not a host with an optional port.'
  )
  requireActorHeader(request.actor)
  const values: Record<ComponentName, string | null> = {
    '@method': request.method,
    '@authority': authority,
    '@path': request.path,
    // RFC 9421 §2.2.7: an absent query is signed as "?".
    '@query': request.query === '' ? '?' : request.query,
    'content-type': request.contentType,
    'content-digest': request.contentDigest,
    'paperclip-actor': request.actor
  }
  const components: Component[] = []
  for (const name of signingProfile.components) {
    const value = values[name]
    if (value !== null) components.push([name, value])
  }
  return components
}

function requireTarget({ method, path, query }: CoveredRequest): void {
  requireForm(methodPattern.test(method), 'The method is not one of capital letters.')
  requireForm(
    pathPattern.test(path) && !emptyOrDotSegmentPattern.test(path) && !needlessEscapePattern.test(path),
    'The path is not in its normal form.'
  )
  requireForm(queryPattern.test(query), 'The query is empty or holds what a query may not.')
}

function requireContent({ contentType, contentDigest }: CoveredRequest): void {
  requireForm(isContentDigest(contentDigest), 'The content digest is not one SHA-256 digest.')
  const hasBody = contentDigest !== emptyContentDigest
  requireForm(
    hasBody === (contentType !== null),
    'A content type comes with a body, and a body with a content type.'
  )
  if (contentType === null) return
  requireForm(
    contentType.length <= signingProfile.contentTypeBytesMax && contentTypePattern.test(contentType),
    'The content type is not a plain media type.'
  )
}

function requireForm(holds: boolean, message: string): void {
  if (!holds) throw new SignatureError('malformed', message)
}
