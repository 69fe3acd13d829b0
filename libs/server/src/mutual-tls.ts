import type { ServerOptions } from 'node:https'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'

/** How often refused handshakes are logged at most: anyone on the network can cause them. */
const refusalLogIntervalMs = 10_000

/** The handshakes of a server under TLS: renews what it shows, knows which connections were made with what. */
export interface Handshakes {
  /** True when the handshake of this connection was completed. */
  isSecure(socket: object): boolean
  /**
   * Makes new connections with these certificates. One made with the former ones is answered once more at most: its
   * next reply tells the caller to close it, so that no request is lost and no withdrawn authority lives on.
   */
  renew(options: ServerOptions): void
}

/** Watches the handshakes of a server; null when it does not speak TLS. */
export function watchHandshakes(app: FastifyInstance): Handshakes | null {
  const { server } = app
  if (!(server instanceof TlsServer)) return null
  let generation = 0
  const madeIn = new WeakMap<object, number>()
  server.on('secureConnection', (socket) => madeIn.set(socket, generation))
  app.addHook('onSend', (request, reply, payload, done) => {
    if (madeIn.get(request.raw.socket) !== generation) reply.header('connection', 'close')
    done(null, payload)
  })
  logRefusals(app, server)
  return {
    isSecure: (socket) => madeIn.has(socket),
    renew(options) {
      server.setSecureContext(options)
      generation++
    }
  }
}

/** Codes only: what a stranger sends stays out of the log. */
function logRefusals(app: FastifyInstance, server: TlsServer): void {
  let refused = 0
  let loggedMs = Number.NEGATIVE_INFINITY
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    refused++
    if (performance.now() - loggedMs < refusalLogIntervalMs) return
    loggedMs = performance.now()
    // Typed as an error, but a code.
    const reason = socket.authorizationError ? String(socket.authorizationError) : error.code
    app.log.warn({ reason, refused }, 'a caller was refused by TLS')
    refused = 0
  })
}
