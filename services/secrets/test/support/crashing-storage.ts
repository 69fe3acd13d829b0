import type { SecretProvider } from '../../src/provider/provider.js'
import { ProviderError, type RemoteStorage } from '../../src/provider/remote-storage.js'
import type { SecretsApp } from './secrets-app.js'

/** Where a process dies, seen from one call of a provider; or its answer is lost, with or without an effect. */
export type CrashPoint =
  | 'before_send'
  | 'after_send'
  | 'after_response'
  | 'lost_before_effect'
  | 'lost_after_effect'

/** The process is gone: nothing after this point happens. The services know it as nothing of theirs. */
export class Crash extends Error {}

/** Lets the next call for a company die, and lets a test wait for what is still on its way. */
export interface CrashPlan {
  crash(companyId: string, point: CrashPoint): void
  /** Takes back what has not happened. */
  clear(companyId: string): void
  /** Ends when every call that was cut off has come to its end at the provider. */
  settle(): Promise<void>
}

const calls = ['create', 'put', 'delete', 'restore'] as const

/** Puts crashes into what a service asks of AWS. */
export function planCrashes({ deps: { providers } }: SecretsApp): CrashPlan {
  const cutOff = new Set<Promise<unknown>>()
  const planned = new Map<string, CrashPoint>()
  const { find } = providers
  providers.find = (id) => {
    const provider = find(id)
    return provider?.storage.kind === 'remote' ? crashing(provider, provider.storage) : provider
  }

  function crashing(provider: SecretProvider, storage: RemoteStorage): SecretProvider {
    const wrapped: Record<string, unknown> = { ...storage }
    for (const name of calls) wrapped[name] = (input: never) => call(input, () => storage[name](input))
    return { ...provider, storage: wrapped as unknown as RemoteStorage }
  }

  /** The company stands in every call: as such, or in the name. */
  function take(input: unknown): CrashPoint | null {
    const text = JSON.stringify(input)
    for (const [companyId, point] of planned)
      if (text.includes(companyId)) {
        planned.delete(companyId)
        return point
      }
    return null
  }

  async function call(input: unknown, send: () => Promise<unknown>): Promise<unknown> {
    const point = take(input)
    if (point === null) return send()
    if (point === 'before_send') throw new Crash()
    if (point === 'lost_before_effect') throw lostAnswer()
    const sent = send()
    cutOff.add(sent)
    const settled = sent.finally(() => cutOff.delete(sent)).catch(() => {})
    if (point !== 'after_send') await settled
    throw point === 'lost_after_effect' ? lostAnswer() : new Crash()
  }

  return {
    crash: (companyId, point) => void planned.set(companyId, point),
    clear: (companyId) => void planned.delete(companyId),
    async settle() {
      await Promise.allSettled([...cutOff])
    }
  }
}

function lostAnswer(): ProviderError {
  return new ProviderError('provider_unavailable', { mayHaveActed: true })
}
