/** The part of autocannon 9 that the bench uses; the package has no types of its own. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'

  function autocannon(options: autocannon.Options): autocannon.Cannon

  namespace autocannon {
    interface CannonRequest {
      readonly method: string
      readonly path: string
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }

    interface CannonClient {
      setRequests(requests: readonly CannonRequest[]): void
    }

    interface Options {
      readonly url: string
      readonly connections: number
      /** Seconds. */
      readonly duration: number
      readonly setupClient: (client: CannonClient) => void
    }

    /** Emits `response` (client, status, bytes, milliseconds) and `reqError`; resolves when the time is up. */
    interface Cannon extends EventEmitter, PromiseLike<unknown> {}
  }

  export = autocannon
}
