import { createHmac, type KeyObject } from 'node:crypto'

/** A covered component: its name and the value it is signed with, both ASCII. */
export type Component = readonly [name: string, value: string]

/**
 * Writes the signature base of RFC 9421 §2.5: one line per component, `@signature-params` last, no final newline.
 * Values must hold no line break; {@link coveredComponents} sees to that.
 */
export function signatureBase(components: readonly Component[], signatureParams: string): string {
  let base = ''
  for (const [name, value] of components) base += `"${name}": ${value}\n`
  return `${base}"@signature-params": ${signatureParams}`
}

/** Computes HMAC-SHA256 (RFC 9421 §3.3.3) over a signature base. */
export function signatureMac(hmacKey: KeyObject, base: string): Buffer {
  return createHmac('sha256', hmacKey).update(base).digest()
}
