import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { Teardown } from '@paperclip/testing'
import { type Emulator, startEmulator, testCredential } from '../emulator/emulator.js'
import type { KnownCredential } from '../emulator/sigv4.js'
import { signOfficially } from './official-signer.js'

/** The service and the official client of it, without retries; both end with the test. */
export async function officialScene(t: Teardown) {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  return { emulator, client: official(t, emulator, testCredential) }
}

export function official(t: Teardown, emulator: Emulator, key: KnownCredential, region = emulator.region) {
  const { accessKeyId, secretAccessKey, sessionToken } = key
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
  const client = new SecretsManagerClient({ region, endpoint: emulator.origin, credentials, maxAttempts: 1 })
  t.teardown(() => client.destroy())
  return client
}

/** What a call fails with; an `Error` of no other name when it does not fail. */
export async function errorOf(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => new Error('it was answered'),
    (error: Error) => error
  )
}

export async function nameOf(call: Promise<unknown>): Promise<string> {
  return (await errorOf(call)).name
}

/** Sends a request without the help of a client, signed by the official signer, changed after that; gives its type. */
export async function raw(
  emulator: Emulator,
  operation: string,
  body: unknown,
  change: Record<string, string> = {}
): Promise<string> {
  const text = JSON.stringify(body)
  const headers = {
    host: new URL(emulator.origin).host,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `secretsmanager.${operation}`
  }
  const scope = { credential: testCredential, region: emulator.region, service: 'secretsmanager' }
  const request = { method: 'POST', path: '/', headers, body: text }
  const { host: _host, ...signed } = await signOfficially(request, { ...scope, nowMs: Date.now() })
  const { body: changedBody = text, ...changed } = change
  const sent = { ...signed, ...changed }
  const reply = await fetch(emulator.origin, { method: 'POST', headers: sent, body: changedBody })
  const { __type: type } = (await reply.json()) as { __type?: string }
  return type?.split('#').at(-1) ?? 'ok'
}
