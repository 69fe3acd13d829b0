import { base64Of32Bytes } from './content-digest.js'
import { signingProfile } from './profile.js'
import { SignatureError } from './signature-error.js'

/** The parameters of a signature. Times are whole seconds since the epoch. */
export interface SignatureParams {
  readonly coversContentType: boolean
  readonly createdSeconds: number
  readonly expiresSeconds: number
  readonly nonce: string
  readonly keyId: string
}

/** A `Signature-Input` as received; `text` is its value byte for byte, as it enters the signature base. */
export interface ParsedSignatureInput extends SignatureParams {
  readonly text: string
}

type GroupName = 'text' | 'list' | 'created' | 'expires' | 'nonce' | 'keyid'

const { label, tag, algorithm, components } = signingProfile
const listWithBody = innerList(components)
const listWithoutBody = innerList(components.filter((name) => name !== 'content-type'))

// Nonce: canonical base64url of 16 bytes, whose last digit carries two bits. Integer: RFC 8941 §3.3.1.
const signatureInputPattern = new RegExp(
  `^${label}=(?<text>(?<list>${literal(listWithBody)}|${literal(listWithoutBody)})` +
    ';created=(?<created>0|[1-9][0-9]{0,14});expires=(?<expires>0|[1-9][0-9]{0,14})' +
    ';nonce="(?<nonce>[A-Za-z0-9_-]{21}[AQgw])";keyid="(?<keyid>[A-Za-z0-9][A-Za-z0-9._-]{0,63})"' +
    `;alg="${literal(algorithm)}";tag="${literal(tag)}")$`
)
const signaturePattern = new RegExp(`^${label}=:(${base64Of32Bytes}):$`)
const noncePattern = /^[A-Za-z0-9_-]{21}[AQgw]$/

/** Writes `@signature-params` (RFC 9421 §2.3): the inner list and its parameters in the profile's order. */
export function formatSignatureParams(params: SignatureParams): string {
  if (!noncePattern.test(params.nonce)) throw malformed('The nonce is not base64url of 16 bytes.')
  return (
    `${params.coversContentType ? listWithBody : listWithoutBody};created=${params.createdSeconds}` +
    `;expires=${params.expiresSeconds};nonce="${params.nonce}";keyid="${params.keyId}"` +
    `;alg="${algorithm}";tag="${tag}"`
  )
}

/**
 * Reads a `Signature-Input` header that is exactly what {@link formatSignatureParams} writes under our label.
 *
 * Not a structured-field parser, on purpose: the profile has two possible texts up to five parameters, so a
 * second label, another component, another order or another spelling is `malformed` for one and the same reason.
 */
export function parseSignatureInput(header: string): ParsedSignatureInput {
  const groups =
    header.length <= signingProfile.signatureInputBytesMax
      ? signatureInputPattern.exec(header)?.groups
      : undefined
  if (groups === undefined) throw malformed('The signature input is not the one this profile allows.')
  const { text, list, created, expires, nonce, keyid } = groups as Record<GroupName, string>
  return {
    text,
    coversContentType: list === listWithBody,
    createdSeconds: Number(created),
    expiresSeconds: Number(expires),
    nonce,
    keyId: keyid
  }
}

/** Writes the `Signature-Input` header around its parameters. */
export function formatSignatureInput(text: string): string {
  return `${label}=${text}`
}

/** Writes the `Signature` header around a MAC. */
export function formatSignature(mac: Buffer): string {
  return `${label}=:${mac.toString('base64')}:`
}

/** Reads a `Signature` header: our label, one byte sequence of 32 bytes in its one spelling, or `malformed`. */
export function parseSignature(header: string): Buffer {
  const base64 = signaturePattern.exec(header)?.[1]
  if (base64 === undefined) throw malformed('The signature is not 32 bytes under the label of this profile.')
  return Buffer.from(base64, 'base64')
}

function innerList(names: readonly string[]): string {
  return `(${names.map((name) => `"${name}"`).join(' ')})`
}

function literal(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, '\\$&')
}

function malformed(message: string): SignatureError {
  return new SignatureError('malformed', message)
}
