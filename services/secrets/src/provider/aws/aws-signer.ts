/**
 * Signature Version 4 by `aws4`, which is lenient: what it is not given it takes from the environment, from the clock
 * or from the host name. Everything is given here, and nothing else of this service calls it. It remembers derived
 * keys of the day in this process, which is no more than the credentials that lie there anyway.
 */
import aws4, { type Request } from 'aws4'

/** What a request is signed with. */
export interface SigningIdentity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | null
}

interface SignatureInput {
  readonly method: 'GET' | 'POST'
  /** Path and query. */
  readonly path: string
  readonly region: string
  readonly service: string
  /** Lower case, `host` among them; each is signed. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
  readonly identity: SigningIdentity
  readonly nowMs: number
}

const service = 'secretsmanager'
const contentType = 'application/x-amz-json-1.1'

/** Headers of a call of Secrets Manager, signature included. */
export function signAwsCall(call: {
  readonly origin: URL
  readonly region: string
  readonly operation: string
  readonly body: Buffer
  readonly identity: SigningIdentity
  readonly nowMs: number
}): Record<string, string> {
  const { origin, region, operation, body, identity, nowMs } = call
  const headers = {
    host: origin.host,
    'content-type': contentType,
    'x-amz-target': `${service}.${operation}`
  }
  return signRequest({ method: 'POST', path: '/', region, service, headers, body, identity, nowMs })
}

/** Adds date, session token and authorization to the headers of a request. */
export function signRequest(input: SignatureInput): Record<string, string> {
  const { method, path, region, service, body, identity, nowMs } = input
  const { accessKeyId, secretAccessKey, sessionToken } = identity
  const dateTime = new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, '')
  const headers: Record<string, string> = {
    ...input.headers,
    'x-amz-date': dateTime,
    ...(sessionToken === null ? {} : { 'x-amz-security-token': sessionToken })
  }
  const request: Request = { method, path, region, service, headers, doNotModifyHeaders: true }
  if (body !== null) request.body = body
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) }
  const signer = new aws4.RequestSigner(request, credentials)
  // Left to itself it would read the clock here, beside the date that is sent.
  signer.datetime = dateTime
  signer.prepareRequest()
  return { ...headers, authorization: signer.authHeader() }
}
