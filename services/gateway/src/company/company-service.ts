import { type CompanyView, newId, type UpdateCompany } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor } from '../auth/actor.js'
import type { GatewayDatabase } from '../database.js'
import { addFounder } from '../member/member-service.js'
import { activityOf } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { closeRunsOf } from '../run/run-closing.js'
import { cleanName } from '../text.js'
import {
  findCompany,
  holdCompanyStatus,
  insertCompany,
  listCompanyRows,
  updateCompanyRow
} from './company-store.js'

/** Rules of companies. Who may enter one was decided before. */
export interface CompanyService {
  list(actor: Actor, page: PageRequest): Promise<CompanyView[]>
  create(actor: Actor, input: { name: string }): Promise<CompanyView>
  get(id: string): Promise<CompanyView>
  update(actor: Actor, id: string, input: UpdateCompany): Promise<CompanyView>
}

/** Makes the service. */
export function createCompanyService(db: Db<GatewayDatabase>, mutate: Mutate): CompanyService {
  return {
    list: (actor, page) => listCompanyRows(db, page, companiesOf(actor)),
    async create(actor, { name }) {
      const company = { id: newId(), name: cleanName(name, '/name') }
      return await mutate(async (tx) => {
        const view = await insertCompany(tx, company)
        const founded = await addFounder(tx, actor, view.id)
        await insertOutbox(tx, [
          activityOf(actor, {
            companyId: view.id,
            action: 'company.created',
            entityType: 'company',
            entityId: view.id,
            metadata: { name: view.name }
          }),
          ...founded
        ])
        return view
      })
    },
    async get(id) {
      const company = await findCompany(db, id)
      if (company === undefined) throw new AppError('company_not_found')
      return company
    },
    async update(actor, id, input) {
      const change = input.name === undefined ? input : { ...input, name: cleanName(input.name, '/name') }
      return await mutate(async (tx) => {
        const view = await updateCompanyRow(tx, id, change)
        if (view === undefined) throw new AppError('company_not_found')
        await insertOutbox(tx, [
          activityOf(actor, {
            companyId: id,
            action: 'company.updated',
            entityType: 'company',
            entityId: id,
            metadata: { ...change }
          })
        ])
        if (view.status === 'archived')
          await closeRunsOf(tx, { companyId: id }, { author: actor, reason: 'company_archived' })
        return view
      })
    }
  }
}

/** Refuses what only an active company may have done in it, and keeps it active until the transaction ends. */
export async function requireActiveCompany(tx: Tx<GatewayDatabase>, companyId: string): Promise<void> {
  const status = await holdCompanyStatus(tx, companyId)
  if (status === undefined) throw new AppError('company_not_found')
  if (status !== 'active')
    throw new AppError('company_archived', { detail: 'The company is archived. Reactivate it first.' })
}

function companiesOf(actor: Actor): string[] | null {
  if (actor.kind === 'anon') return []
  if (actor.kind !== 'board') return [actor.companyId]
  return actor.isInstanceAdmin ? null : [...actor.memberships.keys()]
}
