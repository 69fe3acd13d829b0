/**
 * What a container asks to learn whether the service in it is ready; exits 0 when it is.
 *
 * Under mutual TLS it shows the service's own certificate, since there is no other listener. It believes our
 * authorities only, but no name: it asks itself, at an address its certificate need not carry, and sends nothing.
 */
import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { findTlsFiles, loadTlsIdentity } from '@paperclip/signing'

/** Below the limit that images give the whole check. */
const answerMsMax = 2_000

const env = process.env
const host = env.PAPERCLIP_SECRETS_HOST?.trim() || '127.0.0.1'
const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
const address = {
  host: everywhere[host] ?? host,
  port: env.PAPERCLIP_SECRETS_PORT?.trim() || '3200',
  path: '/readyz',
  timeout: answerMsMax
}

function open() {
  const { files, fault } = findTlsFiles(env)
  if (fault !== null) throw new Error(fault)
  if (files === null) return requestPlain(address)
  const identity = loadTlsIdentity(files, { nowMs: Date.now() })
  return requestSecure({ ...address, ...identity.clientOptions(), checkServerIdentity: () => undefined })
}

process.exitCode = 1
const request = open()
request.once('timeout', () => request.destroy())
request.once('error', (error: NodeJS.ErrnoException) => process.stderr.write(`${error.code}\n`))
request.once('response', (response) => {
  response.resume()
  if (response.statusCode === 200) process.exitCode = 0
})
request.end()
