import { once } from 'node:events'
import { Server as NetServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/**
 * How long kept connections stay open after a stop began. Longer than the way of a request that was sent before its
 * caller could know; short enough that two services stopping one after the other stay far below their budgets.
 */
const graceMs = 300
/** How often a server that is past its grace looks for connections whose last request has been answered. */
const closeIdleEveryMs = 50

/**
 * Makes a close lose no request that was sent on a kept connection.
 *
 * Closing an HTTP server ends its idle connections at once, under requests that are already on their way. So
 * first only the port is closed; for a grace each reply says `Connection: close` (RFC 9112, section 9.6), which
 * tells its caller to send nothing more there. The close goes on when every connection has ended that way, at the
 * latest after the grace; those that never spoke in it are then ended, and requests still under way are waited for.
 */
export function drainOnClose(app: FastifyInstance): void {
  let closing = false
  // Fastify says so only in replies to requests that come after the close began, not to those under way.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close')
    done(null, payload)
  })
  app.addHook('preClose', async () => {
    closing = true
    const { server } = app
    if (!server.listening) return
    // The close of the class above: it stops accepting and leaves connections alone. Emits `close` when none is left.
    NetServer.prototype.close.call(server)
    await endWithin(server, graceMs)
    // Fastify's own close follows and ends in another `close`. What is under way at this moment is kept alive
    // after its reply when its headers were sent before the stop, and would hold that up.
    const sweep = setInterval(() => server.closeIdleConnections(), closeIdleEveryMs)
    server.once('close', () => clearInterval(sweep))
  })
}

async function endWithin(server: NetServer, ms: number): Promise<void> {
  const waiting = new AbortController()
  const { signal } = waiting
  await Promise.race([
    once(server, 'close', { signal }).catch(() => undefined),
    delay(ms, undefined, { signal }).catch(() => undefined)
  ])
  waiting.abort()
}
