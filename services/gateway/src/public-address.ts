import { hostnameOf, isLoopbackHost } from './auth/host-guard.js'
import type { GatewayConfig } from './config.js'

/** What decides by which address people know this instance. */
export type AddressRule = Pick<GatewayConfig, 'publicUrl' | 'host' | 'allowedHostnames'>

/** An address that a request came to, or would: `host` with its port. */
interface ReachedAt {
  readonly protocol: string
  readonly host: string
}

/**
 * Gives the address people know this instance by, for every link that it hands out: the public one when the operator
 * has said it, else the one that was reached, whose name the host rule has judged.
 *
 * This machine has many names (`localhost`, `127.0.0.1`, `[::1]`), and a browser keeps a cookie for each: whoever is
 * reached by any of them names itself by one.
 */
export function publicAddressOf(rule: AddressRule, { protocol, host }: ReachedAt): string {
  if (rule.publicUrl !== null) return new URL(rule.publicUrl).origin
  // A trusted proxy may pass on whatever scheme its own caller claimed.
  const reached = new URL(`${protocol === 'https' ? 'https' : 'http'}://${host}`)
  if (isLoopbackHost(hostnameOf(host))) reached.hostname = ownNameOf(rule)
  return reached.origin
}

/** The same where nobody has asked yet: as this machine would reach the port that we listen on. */
export function publicAddressAt(rule: AddressRule, port: number): string {
  return publicAddressOf(rule, { protocol: 'http', host: `${loopback}:${port}` })
}

const loopback = '127.0.0.1'
const everywhere = new Set(['0.0.0.0', '::', '[::]'])

/** The first name that the operator gave us, else where we listen; who listens everywhere is here, too. */
function ownNameOf({ host, allowedHostnames }: AddressRule): string {
  const name = allowedHostnames[0] ?? (everywhere.has(host) ? loopback : host)
  return name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
}
