import { loadTlsIdentity, type TlsSource, tlsAddressFault } from '@paperclip/client'
import { present } from '../launcher/launch-settings.js'
import { isLoopbackHost } from './deployment-mode-check.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import type { DoctorContext } from './doctor-context.js'

const dayMs = 24 * 3_600_000
/** Time to renew a certificate at leisure. */
const renewDays = 14

const useTls =
  'give both services PAPERCLIP_INTERNAL_TLS_CERT_FILE, _KEY_FILE and _CA_FILE, and https in PAPERCLIP_SECRETS_URL; see deploy/hosted.md'

/** What doctor shows to the secrets service, or null. Throws KeyFileError. */
export function doctorTls({ settings }: DoctorContext): TlsSource | null {
  if (settings.internalTls === null) return null
  const identity = loadTlsIdentity(settings.internalTls, { nowMs: Date.now() })
  return { current: () => identity }
}

/** What is wrong with the address of the secrets service and what is set for TLS, taken together; null: nothing. */
export function hopAddressFault({ settings, secretsUrl }: DoctorContext): string | null {
  if (!URL.canParse(secretsUrl)) return 'PAPERCLIP_SECRETS_URL must be like http://host:port, without a path'
  return tlsAddressFault(new URL(secretsUrl), { files: settings.internalTls })
}

/** Of what kind the way between the services is: values travel on it. */
export function checkPrivateHop(context: DoctorContext): CheckResult {
  const { pass, warn, fail } = resultsOf('private_hop')
  const { settings, secretsUrl, io } = context
  const addressFault = hopAddressFault(context)
  if (addressFault !== null) return fail(addressFault, useTls)
  const plaintext = present(io.env.PAPERCLIP_INTERNAL_PLAINTEXT)
  if (plaintext !== undefined && plaintext !== 'private-network')
    return fail('PAPERCLIP_INTERNAL_PLAINTEXT is not private-network: no service starts so', 'unset it')
  try {
    const tls = doctorTls(context)
    if (tls !== null) {
      const { notAfterMs } = tls.current()
      const until = new Date(notAfterMs).toISOString().slice(0, 10)
      return notAfterMs - Date.now() < renewDays * dayMs
        ? warn(
            `mutual TLS; the certificate expires on ${until}`,
            'renew it, then send SIGHUP to both services'
          )
        : pass(`mutual TLS; the certificate is valid until ${until}`)
    }
  } catch (error) {
    return fail(describeFailure(error), 'correct the file, or its variable')
  }
  // A service that listens everywhere is asked over loopback by us, and over the network by others.
  if (isLoopbackHost(new URL(secretsUrl).hostname) && isLoopbackHost(settings.secrets.host))
    return pass('loopback')
  return plaintext !== undefined
    ? warn('plain http on a private network: whoever listens there can read what is resolved', useTls)
    : fail('plain http beyond this machine', useTls)
}
