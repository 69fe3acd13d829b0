import { type Allowance, type LimitStore, networkOf, take } from './limit-store.js'

/** Limits sign-in by account, whatever address the attempts come from. */
export interface AccountLimit {
  /**
   * Counts one attempt, before any password is hashed. Throws `rate_limited`. Asks nobody whether the account
   * exists, so what it answers says nothing about that.
   */
  take(attempt: { email: string; address: string }): Promise<void>
}

/** Slows down guessing from everywhere at once to 18 passwords a minute. */
const accountAllowance: Allowance = { max: 3, windowSeconds: 10 }

/**
 * What one address may try on one account. Counted first, and only what passes counts against the account: a single
 * stranger can so keep the account's own windows full for 20 / 3 of them, about a minute in an hour, and not for as
 * long as he cares to. Only the owner's own network shares this count with the owner.
 */
const addressAllowance: Allowance = { max: 20, windowSeconds: 3_600 }

/** Makes the limit over the store that all gateways share. */
export function createAccountLimit(store: LimitStore): AccountLimit {
  return {
    async take({ email, address }) {
      const account = foldEmail(email)
      const subject = `${networkOf(address)}\0${account}`
      await take(store, addressAllowance, { limit: 'account_address', subject })
      await take(store, accountAllowance, { limit: 'account', subject: account })
    }
  }
}

/** At least as coarse as the look-up of accounts, or another spelling of an e-mail would be another count. */
function foldEmail(email: string): string {
  return email.normalize('NFKC').trim().toLowerCase()
}
