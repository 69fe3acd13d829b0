import { createPrivateKey, constants as cryptoConstants, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { KeyFileError, readKeyFile } from './key-file-reader.js'
import type { TlsFiles } from './tls-files.js'

/** A handshake takes one round trip; a peer that stays silent must not hold a connection for node's 120 s. */
const handshakeTimeoutMs = 5_000

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

interface Pem {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** What both sides insist on. Said outright: `NODE_TLS_REJECT_UNAUTHORIZED` would change the default. */
const profile = { minVersion: 'TLSv1.3', rejectUnauthorized: true } as const

/** One side's certificate, key and trusted authorities, checked when read. Prints as its expiry and nothing else. */
export class TlsIdentity {
  /** When the certificate expires. */
  readonly notAfterMs: number
  readonly #pem: Pem

  constructor(pem: Pem, notAfterMs: number) {
    this.#pem = pem
    this.notAfterMs = notAfterMs
  }

  /** For `tls.connect` and what is built on it: TLS 1.3, our authorities only, the server's name verified. */
  clientOptions() {
    return { ...this.#pem, ...profile }
  }

  /**
   * For `https.createServer` and `setSecureContext`: TLS 1.3, and a client certificate of our authorities.
   *
   * No session tickets: a resumed session skips the client's certificate, which may have expired or lost its
   * authority since. Connections are kept, so resuming would save nothing.
   */
  serverOptions() {
    return {
      ...this.#pem,
      ...profile,
      requestCert: true,
      handshakeTimeout: handshakeTimeoutMs,
      secureOptions: cryptoConstants.SSL_OP_NO_TICKET
    }
  }
}

/**
 * Reads the three files. Throws KeyFileError, which names the file and never its content, unless the certificate is
 * valid now, the key belongs to it, and every authority can be read.
 */
export function loadTlsIdentity(
  { certFile, keyFile, caFile }: TlsFiles,
  { nowMs }: { nowMs: number }
): TlsIdentity {
  const pem = { cert: readKeyFile(certFile), key: readKeyFile(keyFile), ca: readKeyFile(caFile) }
  const [certificate] = certificatesOf(certFile, pem.cert)
  const [fromMs, notAfterMs] = [certificate.validFrom, certificate.validTo].map(Date.parse) as [
    number,
    number
  ]
  if (nowMs >= notAfterMs) throw new KeyFileError(certFile, 'the certificate has expired')
  if (nowMs < fromMs) throw new KeyFileError(certFile, 'the certificate is not valid yet')
  certificatesOf(caFile, pem.ca)
  if (!isKeyOf(certificate, pem.key, keyFile))
    throw new KeyFileError(keyFile, `the key is not that of the certificate in ${certFile}`)
  try {
    createSecureContext({ ...pem, ...profile })
  } catch (error) {
    // A key or signature that OpenSSL holds to be too weak, say.
    throw new KeyFileError(certFile, `TLS cannot use it (${(error as NodeJS.ErrnoException).code})`)
  }
  return new TlsIdentity(pem, notAfterMs)
}

function certificatesOf(path: string, text: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = text.match(pemCertificate) ?? []
  try {
    const [first, ...others] = blocks.map((block) => new X509Certificate(block))
    if (first !== undefined) return [first, ...others]
  } catch {
    // As below: OpenSSL's error says nothing that helps.
  }
  throw new KeyFileError(path, 'the file does not hold certificates in PEM form')
}

function isKeyOf(certificate: X509Certificate, text: string, path: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(text))
  } catch {
    throw new KeyFileError(path, 'the file does not hold a private key in PEM form without a passphrase')
  }
}
