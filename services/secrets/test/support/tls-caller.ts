import { readFileSync } from 'node:fs'
import { type Agent, type RequestOptions, request } from 'node:https'
import type { TestCertificate } from '@paperclip/testing'
import { type Sender, sign } from './secrets-app.js'

/** An answer, and whether the connection may be used again. */
export interface TlsAnswer {
  status: number
  text: string
  connection: string | undefined
}

/** What a call over TLS may change; `agent: false` makes a connection of its own. */
export interface TlsCall {
  as: Sender
  method: string
  path: string
  body?: unknown
  tls: RequestOptions
}

/** What a caller shows and whom it believes, from files. */
export function shown({ certFile, keyFile, caFile }: TestCertificate, agent: Agent | false = false) {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), ca: readFileSync(caFile), agent }
}

/** Signs as a service would, and sends over TLS; rejects when the connection fails. */
export function call(origin: string, { as, method, path, body, tls }: TlsCall): Promise<TlsAnswer> {
  const outgoing = sign(origin, as, { method, path, body })
  return send(origin + outgoing.path, outgoing, tls)
}

/** Sends anything to an https address. */
export function send(
  url: string,
  { method, headers, body }: { method: string; headers: Record<string, string>; body: Uint8Array | null },
  tls: RequestOptions
): Promise<TlsAnswer> {
  const length = body === null ? {} : { 'content-length': String(body.length) }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: { ...headers, ...length }, ...tls }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.once('error', reject)
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, text, connection: response.headers.connection })
      )
    })
    outgoing.once('error', reject)
    outgoing.end(body ?? undefined)
  })
}
