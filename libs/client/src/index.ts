/**
 * Callers of our two services: signed requests between them, and typed calls of contracts.
 *
 * Trusts: the contracts, the signing key it is handed, TLS where the address says https. Promises: every wait and
 * every reply has a limit, nothing follows a redirect, only what does no harm twice is sent twice, and no error
 * holds a token, a header or a body.
 */
// So that a caller needs this lib alone to sign, and to reach a service under mutual TLS.
export {
  createSignerKey,
  createTlsHolder,
  findTlsFiles,
  KeyFileError,
  loadTlsIdentity,
  type SignerKey,
  type TlsFiles,
  type TlsHolder,
  TlsIdentity,
  tlsAddressFault
} from '@paperclip/signing'
export { ClientError, type ClientErrorCode } from './client-error.js'
export type { ContractArguments, ContractCaller, ContractInput } from './contract-call.js'
export type { Reply, ReplyParts } from './exchange.js'
export { createGatewayClient, type GatewayClient, type GatewayClientOptions } from './gateway-client.js'
export {
  createInternalTransport,
  type InternalRequest,
  type InternalTransport,
  type InternalTransportOptions,
  type KeySource
} from './internal-transport.js'
export { nextCursor } from './next-cursor.js'
export type { TlsSource } from './pool-holder.js'
export { redactedBytesMin } from './redaction-forms.js'
export { redactionStream } from './redaction-stream.js'
export { isRedactable, type Redaction, RedactionError, type Redactor, redactionOf } from './redactor.js'
export {
  createSecretsClient,
  type SecretsClient,
  type SecretsClientOptions,
  serviceActor
} from './secrets-client.js'
export { TransportError, type TransportErrorCode } from './transport-error.js'
