import { findTlsFiles, type TlsFiles, tlsAddressFault } from '@paperclip/signing'
import { isLoopbackHost } from './auth/host-guard.js'

/** How the gateway reaches the secrets service. */
export interface HopConfig {
  /** Null: plain http. */
  readonly tlsFiles: TlsFiles | null
  readonly faults: readonly string[]
}

/**
 * Judges the settings of the private hop together. `secretsUrl` is an origin, or null when that is already a fault.
 * Plain http leaves this machine only where the operator says that its network is private.
 */
export function readHopConfig(
  env: NodeJS.ProcessEnv,
  { secretsUrl, plaintextAllowed }: { secretsUrl: URL | null; plaintextAllowed: boolean }
): HopConfig {
  const { files, fault } = findTlsFiles(env)
  if (fault !== null) return { tlsFiles: null, faults: [fault] }
  if (secretsUrl === null) return { tlsFiles: files, faults: [] }
  const addressFault = tlsAddressFault(secretsUrl, { files })
  if (addressFault !== null) return { tlsFiles: files, faults: [addressFault] }
  const isBare = files === null && !plaintextAllowed && !isLoopbackHost(secretsUrl.hostname)
  return { tlsFiles: files, faults: isBare ? [bareFault] : [] }
}

const bareFault =
  'PAPERCLIP_SECRETS_URL is plain http to another machine: use https with PAPERCLIP_INTERNAL_TLS_CERT_FILE, _KEY_FILE and _CA_FILE, or set PAPERCLIP_INTERNAL_PLAINTEXT=private-network'
