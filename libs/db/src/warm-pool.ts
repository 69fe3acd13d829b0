import type { Pool } from 'pg'

/**
 * Gives what makes the connections a pool is to keep. Once that was called, a connection that was lost, or reached
 * the end of its life, is followed by a new one; while the server is away that is tried once, not over and over.
 */
export function keepWarm(pool: Pool, connections: number): () => Promise<void> {
  let started = false

  async function fill(): Promise<void> {
    const missing = Math.max(0, connections - pool.totalCount)
    if (missing === 0) return
    // The pool makes one only while none is idle, so those are taken too, and all before one is given back.
    const taken = Array.from({ length: missing + pool.idleCount }, () => pool.connect())
    const made = await Promise.allSettled(taken)
    for (const one of made) if (one.status === 'fulfilled') one.value.release()
  }

  pool.on('remove', () => {
    if (started && !pool.ending) void fill()
  })
  return async () => {
    started = true
    await fill()
  }
}
