import { createSecretKey } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ClientError, createSecretsClient } from '@paperclip/client'
import { getSecretsHealth } from '@paperclip/contracts'
import type { InternalKey } from '@paperclip/instance'

/** What a secrets service does with a key; `silent` when it does not answer. */
export type KeyStanding = 'accepted' | 'refused' | 'silent'

/**
 * How long a process that reads a changed file may not have noticed yet: it looks once a second, and now and then
 * its clock and ours tick differently.
 */
export const noticeMs = 1_100

const pollMs = 100
const requestMsMax = 2_000
const waitMsMax = 3_000

/** Asks a secrets service, with a request signed by the key, until it does what is wanted or 3 s have passed. */
export async function awaitStanding(
  origin: string,
  { key, wanted }: { key: InternalKey; wanted: 'accepted' | 'refused' }
): Promise<KeyStanding> {
  const until = performance.now() + waitMsMax
  for (;;) {
    const standing = await askStanding(origin, key)
    if (standing === wanted || performance.now() > until) return standing
    await delay(pollMs)
  }
}

async function askStanding(origin: string, { id, caller, secret }: InternalKey): Promise<KeyStanding> {
  const signer = { id, hmacKey: createSecretKey(Buffer.from(secret, 'base64url')) }
  const options = { origin, key: { current: () => signer }, caller, deadlineMs: requestMsMax }
  const client = createSecretsClient(options)
  try {
    await client.call(getSecretsHealth)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    // 401 is for the signature alone; anything else was answered to a key that is known.
    if (error.status === 401) return 'refused'
    return error.status === 0 ? 'silent' : 'accepted'
  } finally {
    await client.close()
  }
}
