import { eventId, newResolveId } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { insertFollowUps } from './resolve-store.js'

/** An announced value that does not leave after all: the ordinal of its event, and why. */
export interface Withdrawn {
  readonly ordinal: number
  readonly code: string
}

/** Takes back what was announced as revealed. */
export interface Withdrawals {
  /**
   * Records a failure after each announced event of one resolve, all or none. Rejects with `audit_unavailable` when
   * that cannot be done in {@link withdrawMsMax}: the answer is an error all the same.
   */
  withdraw(
    announced: { readonly companyId: string; readonly resolveId: string },
    events: readonly Withdrawn[]
  ): Promise<void>
}

/** An answer waits for its record no longer than this. */
const withdrawMsMax = 3_000

/** Makes them. They go through the pool of ordinary statements, so that failing providers leave resolves alone. */
export function createWithdrawals(db: Db<SecretsDatabase>): Withdrawals {
  return {
    async withdraw({ companyId, resolveId }, events) {
      const followUpId = newResolveId()
      const rows = events.map(({ ordinal, code }) => ({
        companyId,
        eventId: eventId(resolveId, ordinal),
        resolveId: followUpId,
        code
      }))
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('the record takes too long')), withdrawMsMax)
      })
      try {
        await Promise.race([insertFollowUps(db, rows), late])
      } catch (cause) {
        throw new AppError('audit_unavailable', {
          detail: 'A value could not be had, and that could not be recorded. Try again shortly.',
          cause,
          retryAfterSeconds: 1
        })
      } finally {
        clearTimeout(timer)
      }
    }
  }
}
