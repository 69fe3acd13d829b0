const scheme = /^bearer(?:[ \t]+|$)/i

/**
 * Reads the token of an `Authorization` header (RFC 6750 section 2.1; the scheme in any case, any blanks).
 *
 * Undefined: no header, or another scheme, which counts as none. Empty: `Bearer` without a token, which is a
 * failed authentication and not its absence.
 */
export function readBearer(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const match = scheme.exec(header)
  return match === null ? undefined : header.slice(match[0].length).trim()
}
