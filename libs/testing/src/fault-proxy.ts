import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Teardown } from './teardown.js'

/**
 * What the proxy does with connections, those already open included:
 * `pass` forwards; `blackhole` accepts and swallows every byte, both ways; `delay` forwards each chunk
 * `delayMs` later; `reset` cuts with RST.
 */
export type ProxyMode = 'pass' | 'blackhole' | 'delay' | 'reset'

/** A TCP proxy in this process that can misbehave. */
export interface FaultProxy {
  readonly port: number
  /** Connections accepted since the start. */
  connections(): number
  /** Changes the mode at once. Bytes swallowed meanwhile are lost: such a connection stays dead. */
  set(mode: ProxyMode, options?: { delayMs?: number }): void
  /** Replaces host and port of a URL by the proxy's. */
  through(url: string): string
  close(): Promise<void>
}

interface State {
  mode: ProxyMode
  delayMs: number
}

/** Starts a proxy on a free port of 127.0.0.1 in mode `pass`; closed with the test. */
export async function faultProxy(
  t: Teardown,
  { target }: { target: string | { host: string; port: number } }
): Promise<FaultProxy> {
  const { host, port } = typeof target === 'string' ? endpoint(target) : target
  const state: State = { mode: 'pass', delayMs: 0 }
  const sockets = new Set<Socket>()
  let accepted = 0
  const server = createServer((near) => {
    accepted += 1
    if (state.mode === 'reset') {
      near.resetAndDestroy()
      return
    }
    const far = connect({ host, port })
    forward(near, far, state)
    forward(far, near, state)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
  const ownPort = address.port
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  t.teardown(close)
  return {
    port: ownPort,
    connections: () => accepted,
    set(mode, { delayMs = 0 } = {}) {
      Object.assign(state, { mode, delayMs })
      if (mode === 'reset') for (const socket of sockets) socket.resetAndDestroy()
    },
    through(url) {
      const changed = new URL(url)
      changed.hostname = '127.0.0.1'
      changed.port = String(ownPort)
      return changed.href
    },
    close
  }
}

function forward(from: Socket, to: Socket, state: State): void {
  const write = (chunk: Buffer) => {
    if (!to.destroyed) to.write(chunk)
  }
  from.on('data', (chunk: Buffer) => {
    if (state.mode === 'pass') write(chunk)
    if (state.mode === 'delay') setTimeout(write, state.delayMs, chunk)
  })
  from.on('error', () => to.destroy())
  from.on('close', () => {
    // A frozen network does not tell either side that the other one left.
    if (state.mode !== 'blackhole') to.destroy()
  })
}

function endpoint(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url)
  if (port === '') throw new Error('the target of a proxy needs an explicit port')
  return { host: hostname, port: Number(port) }
}
