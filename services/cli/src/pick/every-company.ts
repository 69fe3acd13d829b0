import type { GatewayClient } from '@paperclip/client'
import { type CompanyView, listCompanies } from '@paperclip/contracts'
import type { Command } from 'commander'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { allRows, wholePages } from '../output/list-rows.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from './pick-company.js'

/** Flags of commands that work in one company, or in all. */
export interface CompaniesFlags extends CompanyFlags {
  readonly allCompanies?: true
}

/** Adds the flags of {@link CompaniesFlags}. */
export function withCompaniesFlags(command: Command): Command {
  return withCompanyFlags(command).option('--all-companies', 'every company one may enter, archived ones too')
}

/** Gives the company that was named, or all of them, oldest first. Misuse when both were asked for. */
export async function pickCompanies(
  client: GatewayClient,
  io: CliIo,
  flags: CompaniesFlags
): Promise<CompanyView[]> {
  if (flags.allCompanies && flags.companyId !== undefined)
    throw new MisuseError('--all-companies and --company-id are both given', 'leave one of them out')
  const only = flags.allCompanies ? null : await pickCompany(client, io, flags)
  const companies = await allRows(client.pages(listCompanies, { query: wholePages }))
  return companies.filter(({ id }) => only === null || id === only).reverse()
}
