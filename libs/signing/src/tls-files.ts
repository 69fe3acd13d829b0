/** Where one side of the private hop keeps its part of mutual TLS; PEM each. Paths, so they may be printed. */
export interface TlsFiles {
  /** The certificate, then those between it and its authority. */
  readonly certFile: string
  /** Its private key, without a passphrase. */
  readonly keyFile: string
  /** The authorities whose certificates the other side may show; no others count. */
  readonly caFile: string
}

const names = {
  certFile: 'PAPERCLIP_INTERNAL_TLS_CERT_FILE',
  keyFile: 'PAPERCLIP_INTERNAL_TLS_KEY_FILE',
  caFile: 'PAPERCLIP_INTERNAL_TLS_CA_FILE'
} as const

/**
 * Finds the files in an environment: null when none is named. Half of them is a fault, a sentence that names the
 * missing variables and no value: whoever set one believes the hop to be encrypted. Blank counts as unset.
 */
export function findTlsFiles(env: Readonly<Record<string, string | undefined>>): {
  files: TlsFiles | null
  fault: string | null
} {
  const pathOf = (name: string) => env[name]?.trim() ?? ''
  const missing = Object.values(names).filter((name) => pathOf(name) === '')
  if (missing.length === Object.keys(names).length) return { files: null, fault: null }
  if (missing.length > 0)
    return { files: null, fault: `${missing.join(', ')} not set: mutual TLS needs certificate, key and CA` }
  const [certFile, keyFile, caFile] = [names.certFile, names.keyFile, names.caFile].map(pathOf) as [
    string,
    string,
    string
  ]
  return { files: Object.freeze({ certFile, keyFile, caFile }), fault: null }
}

/**
 * Judges the address of the secrets service against what is set for TLS; null when they fit. Mutual TLS is used
 * whole or not at all: an https address without a certificate of ours, and certificates beside an http address,
 * are each a sentence.
 */
export function tlsAddressFault(url: URL, { files }: { files: TlsFiles | null }): string | null {
  if (url.protocol === 'https:' && files === null)
    return 'PAPERCLIP_SECRETS_URL is https, which needs PAPERCLIP_INTERNAL_TLS_CERT_FILE, _KEY_FILE and _CA_FILE'
  if (url.protocol === 'http:' && files !== null)
    return 'PAPERCLIP_SECRETS_URL is plain http although PAPERCLIP_INTERNAL_TLS_CERT_FILE is set: write it with https'
  return null
}
