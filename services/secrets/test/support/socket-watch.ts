import { Socket } from 'node:net'

/** Gives every address, with its port, that a socket of this process sets out for from now on, whoever opens it. */
export function watchSockets(): string[] {
  const attempted: string[] = []
  const connect = Socket.prototype.connect
  Socket.prototype.connect = function (this: Socket, ...target: unknown[]) {
    this.on('connectionAttempt', (address: string, port: number) => attempted.push(`${address} ${port}`))
    return Reflect.apply(connect, this, target)
  } as typeof connect
  return attempted
}
