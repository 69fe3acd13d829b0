import {
  type ActorContext,
  type CallOutput,
  newId,
  providerHandlerMsMax,
  type Route
} from '@paperclip/contracts'
import { type ContractArguments, type ContractCaller, toHttpCall } from './contract-call.js'
import { createInternalTransport, type KeySource } from './internal-transport.js'
import type { TlsSource } from './pool-holder.js'
import { readReply, transportFailure } from './read-reply.js'

/** As long as the service itself may take where a provider is waited for, so that its own answer comes first. */
const deadlineMsDefault = providerHandlerMsMax

/** A service needs few connections beside the gateway's own. */
const connectionsMaxDefault = 16

export interface SecretsClientOptions {
  /** `http://host:port` of the secrets service, or with https; then `tls` is needed. */
  readonly origin: string
  readonly key: KeySource
  /** Mutual TLS; a new identity is used from the next request on. */
  readonly tls?: TlsSource | null
  /** The name this service has in the verifier's file; shown in the audit as the source. */
  readonly caller: string
  readonly deadlineMs?: number
  readonly connectionsMax?: number
}

/** Calls the secrets service as an internal service. */
export interface SecretsClient extends ContractCaller {
  close(): Promise<void>
}

/** Opens a client that signs every request with a service's own key and speaks for nobody else. */
export function createSecretsClient(options: SecretsClientOptions): SecretsClient {
  const {
    key,
    tls = null,
    caller,
    deadlineMs = deadlineMsDefault,
    connectionsMax = connectionsMaxDefault
  } = options
  const transport = createInternalTransport({ origin: options.origin, key, tls, connectionsMax })
  const address = new URL(options.origin).origin

  return {
    async call<R extends Route>(route: R, ...[input]: ContractArguments<R>): Promise<CallOutput<R>> {
      const http = toHttpCall(route, input, '/internal')
      const actor = serviceActor({ caller, keyId: key.current().id, requestId: newId() })
      try {
        const reply = await transport.send({ method: route.method, ...http, actor, deadlineMs })
        return readReply(route, reply, address) as CallOutput<R>
      } catch (error) {
        throw transportFailure(error, address)
      }
    },
    close: () => transport.close()
  }
}

/** Describes an internal service as an actor. The secrets service takes its rights from the key, not from here. */
export function serviceActor({
  caller,
  keyId,
  requestId
}: {
  caller: string
  keyId: string
  requestId: string
}): ActorContext {
  return {
    v: 1,
    type: 'service',
    userId: null,
    agentId: null,
    companyId: null,
    credential: { kind: 'service_key', id: keyId },
    runId: null,
    projectId: null,
    openedBy: null,
    isInstanceAdmin: false,
    memberships: [],
    source: caller,
    requestId
  }
}
