import { createSignerKey, serviceActor } from '@paperclip/client'
import { newId } from '@paperclip/contracts'
import { encodeActor, newNonce, type SigningKey, signRequest } from '@paperclip/signing'
import type { CannonRequest } from 'autocannon'
import type { BenchAgent } from '../data/data-set.js'
import type { Stand } from '../stand/stand.js'
import type { Load } from './drive.js'

/**
 * Resolves straight at the secrets service with a runner's key.
 *
 * Every request needs a signature and a nonce of its own. They are made right before a leg and not during it, so
 * that the generator does the same work on both sides of a comparison; a signature lives for 30 s, which is also
 * how long a leg may be. `requestsMax` must be more than a leg can send: a second round would be refused as replayed.
 */
export function signedResolveLoad(
  stand: Stand,
  { agents, requestsMax }: { agents: readonly BenchAgent[]; requestsMax: number }
): Load {
  const key = createSignerKey(stand.keys.runnerFile, { nowMs: Date.now, onReload: () => undefined }).current()
  return {
    origin: stand.secretsOrigin,
    requests: (connection, connections) => {
      const count = Math.ceil(requestsMax / connections)
      return Array.from({ length: count }, (_, n) => {
        const agent = agents[(n * connections + connection) % agents.length]
        if (agent === undefined) throw new RangeError('there are no agents')
        return signResolve(key, stand.secretsOrigin, agent)
      })
    }
  }
}

/** Signs one resolve of an agent. */
export function signResolve(
  key: SigningKey,
  origin: string,
  { companyId, agentId }: { companyId: string; agentId: string }
): CannonRequest {
  const path = `/internal/companies/${companyId}/env/resolve`
  const body = JSON.stringify({ targetType: 'agent', targetId: agentId })
  const contentType = 'application/json'
  const actor = encodeActor(serviceActor({ caller: 'runner', keyId: key.id, requestId: newId() }))
  const signed = signRequest(
    key,
    { method: 'POST', authority: new URL(origin).host, path, query: '', contentType, body, actor },
    { nowMs: Date.now(), nonce: newNonce() }
  )
  return {
    method: 'POST',
    path,
    headers: { 'content-type': contentType, ...signed },
    body
  }
}
