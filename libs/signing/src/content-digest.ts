import { hash } from 'node:crypto'

/** Canonical base64 of exactly 32 bytes: the last digit carries four bits, so its two low bits are zero. */
export const base64Of32Bytes = '[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]='

const contentDigestPattern = new RegExp(`^sha-256=:${base64Of32Bytes}:$`)

/** `Content-Digest` of no bytes, which every request without a body carries. */
export const emptyContentDigest = `sha-256=:${hash('sha256', '', 'base64')}:`

/** Writes the RFC 9530 `Content-Digest` of a body: one digest, `sha-256`. A string is hashed as UTF-8. */
export function contentDigest(body: string | Uint8Array): string {
  return body.length === 0 ? emptyContentDigest : `sha-256=:${hash('sha256', body, 'base64')}:`
}

/** Says whether a header is the one form {@link contentDigest} writes: no second digest, no other algorithm. */
export function isContentDigest(header: string): boolean {
  return contentDigestPattern.test(header)
}
