/**
 * Verifies Signature Version 4 from the description in the AWS documentation ("Create a signed AWS API request"), and
 * on purpose without the library that the service signs with: what both sides share, neither can prove.
 */
import { createHash, createHmac } from 'node:crypto'
import { ServiceError } from './service-error.js'

/** A request as it arrived. */
export interface ReceivedRequest {
  readonly method: string
  /** Path and query as on the request line. */
  readonly target: string
  /** Names and values in the order of the wire, a repeated name repeated. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

export interface KnownCredential {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Set for temporary credentials, which must present it. */
  readonly sessionToken?: string
  readonly expiresMs?: number
}

export interface Expected {
  readonly credentials: readonly KnownCredential[]
  readonly region: string
  readonly service: string
  readonly nowMs: number
}

const skewMsMax = 5 * 60_000
const authorizationShape =
  /^AWS4-HMAC-SHA256 Credential=([\w+=.@-]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/

/** Says who signed, or throws the error that the service gives. */
export function authenticate(request: ReceivedRequest, expected: Expected): KnownCredential {
  const authorization = headerOf(request, 'authorization')
  if (authorization === undefined) throw coral('MissingAuthenticationTokenException', 'nothing is signed')
  const match = authorizationShape.exec(authorization)
  if (match === null) throw coral('IncompleteSignatureException', 'the Authorization header is not complete')
  const [, accessKeyId = '', day = '', region = '', service = '', names = '', signature] = match
  const credential = expected.credentials.find((known) => known.accessKeyId === accessKeyId)
  if (credential === undefined) throw coral('UnrecognizedClientException', 'the access key is not known')
  if (region !== expected.region || service !== expected.service)
    throw coral('InvalidSignatureException', 'the credential is scoped to another region or service')
  const signedHeaders = names.split(';')
  requireSigned(request, signedHeaders)
  const dateTime = headerOf(request, 'x-amz-date') ?? ''
  requireFresh(dateTime, day, expected.nowMs)
  const scope = `${day}/${region}/${service}/aws4_request`
  const toSign = stringToSign(dateTime, scope, canonicalRequest(request, signedHeaders))
  const key = signingKey(credential.secretAccessKey, { day, region, service })
  if (hmac(key, toSign).toString('hex') !== signature)
    throw coral('InvalidSignatureException', 'the signature does not match the request')
  requireToken(credential, headerOf(request, 'x-amz-security-token'), expected.nowMs)
  return credential
}

/** Step 1: the request in the one form that both sides can make. */
export function canonicalRequest(request: ReceivedRequest, signedHeaders: readonly string[]): string {
  const [path = '/', query = ''] = request.target.split('?', 2)
  const headers = signedHeaders.map((name) => `${name}:${headerOf(request, name) ?? ''}\n`).join('')
  const parts = [request.method, path.split('/').map(encode).join('/'), canonicalQuery(query), headers]
  return [...parts, signedHeaders.join(';'), sha256(request.body)].join('\n')
}

/** Step 2 and 3: what is signed. */
export function stringToSign(dateTime: string, scope: string, canonical: string): string {
  return ['AWS4-HMAC-SHA256', dateTime, scope, sha256(canonical)].join('\n')
}

/** Step 4: a key for one day, region and service. */
export function signingKey(secret: string, scope: { day: string; region: string; service: string }): Buffer {
  const ofService = hmac(hmac(hmac(`AWS4${secret}`, scope.day), scope.region), scope.service)
  return hmac(ofService, 'aws4_request')
}

function requireSigned({ headers }: ReceivedRequest, signedHeaders: readonly string[]): void {
  const mustSign = headers
    .map(([name]) => name.toLowerCase())
    .filter((name) => name === 'host' || name === 'content-type' || name.startsWith('x-amz-'))
  const sorted = [...signedHeaders].sort().join(';') === signedHeaders.join(';')
  const missing = ['host', 'x-amz-date', ...mustSign].some((name) => !signedHeaders.includes(name))
  if (missing || !sorted)
    throw coral('InvalidSignatureException', 'the list of signed headers is not what it must be')
}

function requireFresh(dateTime: string, day: string, nowMs: number): void {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(dateTime)
  if (match === null) throw coral('IncompleteSignatureException', 'the date is not readable')
  const [, year, month, date, hours, minutes, seconds] = match
  const signedMs = Date.parse(`${year}-${month}-${date}T${hours}:${minutes}:${seconds}Z`)
  if (!dateTime.startsWith(day) || !(Math.abs(signedMs - nowMs) <= skewMsMax))
    throw coral('InvalidSignatureException', 'the signature is expired or not yet current')
}

function requireToken(credential: KnownCredential, presented: string | undefined, nowMs: number): void {
  if (credential.sessionToken !== presented)
    throw coral('UnrecognizedClientException', 'the security token is not valid')
  if (credential.expiresMs !== undefined && credential.expiresMs <= nowMs)
    throw coral('ExpiredTokenException', 'the security token is expired')
}

function canonicalQuery(query: string): string {
  if (query === '') return ''
  const pairs = query.split('&').map((pair) => {
    const [name = '', value = ''] = pair.split('=', 2)
    return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value))] as const
  })
  return pairs
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** All but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`
  )
}

function headerOf({ headers }: ReceivedRequest, wanted: string): string | undefined {
  const values = headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
  return values.length === 0 ? undefined : values.map((value) => value.trim().replace(/\s+/g, ' ')).join(',')
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()

/** Errors of the layer before the service carry its namespace, as clients must expect. */
function coral(type: string, text: string): ServiceError {
  return new ServiceError(`com.amazon.coral.service#${type}`, text)
}
