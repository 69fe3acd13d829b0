import type { Logger } from '@paperclip/server'
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
