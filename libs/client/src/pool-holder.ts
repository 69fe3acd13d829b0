import type { TlsIdentity } from '@paperclip/signing'
import type { Pool } from 'undici'

/** Where a transport gets what it shows under mutual TLS: `createTlsHolder`, or anything that has a current one. */
export interface TlsSource {
  current(): TlsIdentity
}

/** The pool of the moment. */
export interface PoolHolder {
  current(): Pool
  /** Lets what is under way finish, then closes all connections, those of former pools too. */
  close(): Promise<void>
}

/**
 * Holds one pool, and another as soon as the identity is another. The former one takes nothing more and closes when
 * what it was given has been answered, so that a renewed certificate fails no request.
 */
export function holdPool(open: (identity: TlsIdentity | null) => Pool, tls: TlsSource | null): PoolHolder {
  let identity = tls === null ? null : tls.current()
  let pool = open(identity)
  let closed = false
  const draining = new Set<Promise<void>>()

  function retire(former: Pool): void {
    const drained = former
      .close()
      .catch(() => undefined)
      .finally(() => draining.delete(drained))
    draining.add(drained)
  }

  return {
    current() {
      const latest = tls === null ? null : tls.current()
      if (latest !== identity && !closed) {
        retire(pool)
        identity = latest
        pool = open(identity)
      }
      return pool
    },
    async close() {
      closed = true
      await Promise.all([pool.close(), ...draining])
    }
  }
}
