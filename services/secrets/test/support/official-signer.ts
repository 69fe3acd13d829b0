import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'

interface Credential {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface OfficialRequest {
  readonly method: string
  readonly path: string
  readonly query?: Record<string, string | string[]>
  readonly headers: Record<string, string>
  readonly body?: string
}

type Data = string | ArrayBuffer | ArrayBufferView

/** SHA-256 in the shape that the official signer wants. */
class Sha256 {
  readonly #secret: Buffer | undefined
  #state: Hash | Hmac

  constructor(secret?: Data) {
    this.#secret = secret === undefined ? undefined : bytesOf(secret)
    this.#state = this.#fresh()
  }

  update(data: Uint8Array): void {
    this.#state.update(data)
  }

  async digest(): Promise<Uint8Array> {
    return this.#state.digest()
  }

  reset(): void {
    this.#state = this.#fresh()
  }

  #fresh(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret)
  }
}

function bytesOf(data: Data): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data)
}

/** Signs a request as the official client does; gives all its headers back, in lower case. */
export async function signOfficially(
  request: OfficialRequest,
  scope: { credential: Credential; region: string; service: string; nowMs: number }
): Promise<Record<string, string>> {
  const { credential, region, service, nowMs } = scope
  const { sessionToken, ...key } = credential
  const signer = new SignatureV4({
    credentials: sessionToken === undefined ? key : { ...key, sessionToken },
    region,
    service,
    sha256: Sha256,
    applyChecksum: false
  })
  const signed = await signer.sign(
    { query: {}, ...request, protocol: 'https:', hostname: request.headers.host ?? '' },
    { signingDate: new Date(nowMs) }
  )
  return Object.fromEntries(
    Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value])
  )
}
