/**
 * Parts of what looks like a credential. Assembled, so that no file holds text that a scanner takes for one.
 */

/** Letters and digits, in both cases, no two drawn alike. */
export const filler = (chars: number) => 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z'.repeat(4).slice(0, chars)
/** The same in upper case. */
export const upper = (chars: number) => filler(chars).toUpperCase()
/** Hexadecimal digits, at most 96. */
export const hex = (chars: number) => '0f1e2d3c4b5a69788796a5b4c3d2e1f0'.repeat(3).slice(0, chars)
/** A block as of a key file. */
export const pem = (kind: string) => `-----BEGIN ${kind}-----\n${filler(64)}\n-----END ${kind}-----\n`
/** In base64, padded. */
export const base64 = (text: string) => btoa(text)
/** As JSON. */
export const json = (members: unknown) => JSON.stringify(members)
