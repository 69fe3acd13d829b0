import type { Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor } from '../auth/actor.js'
import type { GatewayDatabase } from '../database.js'
import { activityOf, companyDeleted } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { closeRunsOf } from '../run/run-closing.js'
import { deleteRunRows } from '../run/run-store.js'
import { deleteCompanyRow, lockCompany } from './company-store.js'

/** Takes a company away for good. */
export interface CompanyDeletion {
  /**
   * Deletes everything the gateway has of a company, and tells the secrets service to destroy its key: before the
   * answer when that service can be reached, else as soon as it can. `confirm` must be the company's name.
   */
  delete(actor: Actor, companyId: string, input: { confirm: string }): Promise<void>
}

/** A statement has 5 s; this many runs go in well under one. */
const runsPerStatementMax = 20_000

/** Makes it. `flush` waits until what was committed is delivered, or cannot be for now. */
export function createCompanyDeletion(mutate: Mutate, flush: () => Promise<void>): CompanyDeletion {
  return {
    async delete(actor, companyId, { confirm }) {
      await mutate(async (tx) => {
        const company = await lockCompany(tx, companyId)
        if (company === undefined) throw new AppError('company_not_found')
        if (company.name !== confirm)
          throw new AppError('confirmation_mismatch', {
            detail: 'The query parameter "confirm" must be exactly the name of the company.'
          })
        await closeRunsOf(tx, { companyId }, { author: actor, reason: 'company_deleted' })
        await deleteRuns(tx, companyId)
        await deleteCompanyRow(tx, companyId)
        await insertOutbox(tx, [
          activityOf(actor, {
            companyId,
            action: 'company.deleted',
            entityType: 'company',
            entityId: companyId,
            metadata: { name: company.name }
          }),
          companyDeleted(companyId)
        ])
      })
      await flush()
    }
  }
}

/** Runs are what a company has without bound, so they do not wait for the one statement that takes the rest. */
async function deleteRuns(tx: Tx<GatewayDatabase>, companyId: string): Promise<void> {
  let deleted: number
  do deleted = await deleteRunRows(tx, companyId, { rowsMax: runsPerStatementMax })
  while (deleted === runsPerStatementMax)
}
