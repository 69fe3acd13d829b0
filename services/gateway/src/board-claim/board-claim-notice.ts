import type { Logger } from '@paperclip/server'
import type { GatewayConfig } from '../config.js'
import { type ClaimTicket, claimHoursMax } from './board-claim-service.js'

/**
 * Prints how to become the first admin. The start-up log is the one place where a claim may appear: whoever reads
 * it runs the machine.
 */
export function printBoardClaim(logger: Logger, { token, code }: ClaimTicket, baseUrl: string): void {
  // Nobody could ever claim an instance that keeps this to itself.
  const level = logger.isLevelEnabled('warn') ? 'warn' : 'error'
  logger[level](
    `nobody administers this instance yet: sign up, then open ${baseUrl}/board-claim/${token}?code=${code} within ${claimHoursMax} hours to become its first admin`
  )
}

/** Finds the address people open: the public one, else a name we answer to, on the port we listen on. */
export function baseUrlOf(
  { publicUrl, host, allowedHostnames }: Pick<GatewayConfig, 'publicUrl' | 'host' | 'allowedHostnames'>,
  port: number
): string {
  if (publicUrl !== null) return new URL(publicUrl).origin
  // Who listens everywhere has no address of its own to name; this machine's reader has localhost.
  const everywhere = host === '0.0.0.0' || host === '::' || host === '[::]'
  const name = allowedHostnames[0] ?? (everywhere ? 'localhost' : host)
  return `http://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`
}
