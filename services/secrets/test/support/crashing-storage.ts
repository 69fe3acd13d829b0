import type { SecretProvider } from '../../src/provider/provider.js'
import type { RemoteStorage } from '../../src/provider/remote-storage.js'
import type { SecretsApp } from './secrets-app.js'

/** Where a process dies, seen from one call of a provider. */
export type CrashPoint = 'before_send' | 'after_send' | 'after_response'

/** The process is gone: nothing after this point happens. The services know it as nothing of theirs. */
export class Crash extends Error {}

/** Lets the next call of each kind die, and lets a test wait for what is still on its way. */
export interface CrashPlan {
  next: CrashPoint | null
  /** Ends when every call that was cut off has come to its end at the provider. */
  settle(): Promise<void>
}

const calls = ['create', 'put', 'delete', 'restore'] as const

/** Puts crashes into what a service asks of AWS. */
export function planCrashes({ deps: { providers } }: SecretsApp): CrashPlan {
  const cutOff = new Set<Promise<unknown>>()
  const plan: CrashPlan = {
    next: null,
    async settle() {
      while (cutOff.size > 0) await Promise.allSettled([...cutOff])
    }
  }
  const { find } = providers
  providers.find = (id) => {
    const provider = find(id)
    return provider?.storage.kind === 'remote' ? crashing(provider, provider.storage) : provider
  }

  function crashing(provider: SecretProvider, storage: RemoteStorage): SecretProvider {
    const wrapped: Record<string, unknown> = { ...storage }
    for (const name of calls) wrapped[name] = (input: never) => call(() => storage[name](input))
    return { ...provider, storage: wrapped as unknown as RemoteStorage }
  }

  async function call(send: () => Promise<unknown>): Promise<unknown> {
    const point = plan.next
    plan.next = null
    if (point === null) return send()
    if (point === 'before_send') throw new Crash()
    const sent = send()
    cutOff.add(sent)
    const settled = sent.finally(() => cutOff.delete(sent)).catch(() => {})
    if (point === 'after_response') await settled
    throw new Crash()
  }
  return plan
}
