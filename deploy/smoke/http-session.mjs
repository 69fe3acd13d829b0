/** A small HTTP client with cookies that connects to this machine whatever name the address has. */
import http from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

const timeoutMs = 20_000

/**
 * Opens a session at an origin. `ca` is the PEM of the authority to trust for https.
 * Its functions throw when the answer has another status than the one expected.
 *
 * @param {{ origin: string, ca?: string }} options
 */
export function openSession({ origin, ca }) {
  const base = new URL(origin)
  /** @type {Map<string, string>} */
  const cookies = new Map()
  /** @type {string[]} */
  let setCookies = []

  /**
   * Sends a request; with a token as bearer, else with the cookies and the Origin that a browser would send.
   * `retries`: how often to come again when a busy instance (503) says when. `extra`: headers beside our own.
   *
   * @param {string} method
   * @param {string} path
   * @param {{ body?: unknown, token?: string, status?: number, retries?: number, extra?: Record<string, string> }} [options]
   */
  async function send(method, path, { body, token, status = 200, retries = 0, extra = {} } = {}) {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = { ...extra, host: base.host }
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (text !== '') headers['content-length'] = String(Buffer.byteLength(text))
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    else {
      if (method !== 'GET') headers.origin = base.origin
      if (cookies.size > 0) headers.cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    }
    const reply = await exchange(base, { method, path, headers, ca }, text)
    const retryAfterSeconds = Number(reply.headers['retry-after'])
    if (reply.statusCode === 503 && retryAfterSeconds > 0 && retries > 0) {
      await sleep(retryAfterSeconds * 1_000)
      return await send(method, path, { body, token, status, retries: retries - 1, extra })
    }
    if (token === undefined) keepCookies(reply.headers['set-cookie'] ?? [])
    if (reply.statusCode !== status) {
      const code = jsonOf(reply.text)?.code ?? 'no code'
      throw new Error(`${method} ${path} answers ${reply.statusCode} (${code}), expected ${status}`)
    }
    return { headers: reply.headers, json: jsonOf(reply.text) }
  }

  /** @param {string[]} received */
  function keepCookies(received) {
    if (received.length > 0) setCookies = received
    for (const cookie of received) {
      const [pair = ''] = cookie.split(';')
      const at = pair.indexOf('=')
      cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
  }

  return { send, setCookies: () => setCookies }
}

function exchange(base, { method, path, headers, ca }, text) {
  const isTls = base.protocol === 'https:'
  const options = {
    host: '127.0.0.1',
    port: base.port || (isTls ? 443 : 80),
    ...{ method, path, headers, ca, timeout: timeoutMs },
    ...(isTls ? { servername: base.hostname } : {})
  }
  return new Promise((resolve, reject) => {
    const request = (isTls ? https : http).request(options, (reply) => {
      let received = ''
      reply.setEncoding('utf8')
      reply.on('data', (chunk) => {
        received += chunk
      })
      reply.on('end', () => resolve({ statusCode: reply.statusCode, headers: reply.headers, text: received }))
      reply.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`${method} ${path} got no answer in time`)))
    request.on('error', reject)
    request.end(text)
  })
}

function jsonOf(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
