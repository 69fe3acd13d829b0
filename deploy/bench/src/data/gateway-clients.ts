import { type ContractArguments, type ContractCaller, createGatewayClient } from '@paperclip/client'
import type { Route } from '@paperclip/contracts'

/** Each has 8 connections: together enough that writes share commits, and not so many that they wait for sessions. */
const clientCount = 2

/** Calls the public API as the local operator. */
export interface GatewayClients extends ContractCaller {
  close(): Promise<void>
}

/** Opens several clients that take turns, to make a large data set quickly. */
export function openGatewayClients(origin: string): GatewayClients {
  const clients = Array.from({ length: clientCount }, () => createGatewayClient({ origin }))
  let turn = 0
  return {
    call<R extends Route>(route: R, ...input: ContractArguments<R>) {
      const client = clients[turn++ % clientCount]
      if (client === undefined) throw new RangeError('no client')
      return client.call(route, ...input)
    },
    close: async () => void (await Promise.all(clients.map((client) => client.close())))
  }
}
