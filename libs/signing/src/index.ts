/**
 * Signed requests between our services: one profile of RFC 9421 (HTTP Message Signatures) with RFC 9530
 * (`Content-Digest`), HMAC-SHA256, and the key files it needs; and the mutual TLS they may travel in.
 *
 * Trusts: the two key files and the clock it is handed. Promises: a request is accepted only if its method,
 * authority, path, query, content type, body and actor are those a listed key signed within the last 30 s, and
 * no error names a key, a signature or a value. Replay is refused by {@link createNonceMemory} or by the
 * caller's own unique constraint, not by verifying alone.
 */
export { decodeActor, encodeActor } from './actor-header.js'
export { loadSignerKey, loadVerifierKeys } from './key-file.js'
export { KeyFileError } from './key-file-reader.js'
export type { KeyHolderOptions, KeyReload } from './key-holder.js'
export { createNonceMemory, type NonceMemory, type NonceOutcome } from './nonce-memory.js'
export { signingProfile } from './profile.js'
export { newNonce, type RequestToSign, type SignatureHeaders, signRequest } from './sign-request.js'
export { SignatureError, type SignatureErrorCode } from './signature-error.js'
export { createSignerKey, type SignerKey } from './signer-key.js'
export { createSigningKey, type SigningKey, type VerifierKey } from './signing-key.js'
export { findTlsFiles, type TlsFiles, tlsAddressFault } from './tls-files.js'
export { createTlsHolder, type TlsHolder, type TlsReload } from './tls-holder.js'
export { loadTlsIdentity, TlsIdentity } from './tls-identity.js'
export { createVerifierKeyring, type VerifierKeyring } from './verifier-keyring.js'
export {
  type ReceivedHead,
  type VerifiedHead,
  type VerifiedRequest,
  type VerifyOptions,
  verifyRequest,
  verifyRequestBody,
  verifyRequestHead
} from './verify-request.js'
