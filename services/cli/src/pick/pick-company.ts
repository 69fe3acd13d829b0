import type { GatewayClient } from '@paperclip/client'
import { type CompanyView, getAgent, getCompany, isUuid, listCompanies } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApiFlags } from '../api/api-session.js'
import { CliError, exitCodes, MisuseError } from '../cli-error.js'
import { type CliIo, envText } from '../cli-io.js'
import { allRows, wholePages } from '../output/list-rows.js'
import { shown } from './pick-named.js'

const companiesShownMax = 10

/** Flags of every command inside a company. */
export interface CompanyFlags extends ApiFlags {
  readonly companyId?: string
}

/** Adds the flags of {@link CompanyFlags}. */
export function withCompanyFlags(command: Command): Command {
  return withApiFlags(command).option(
    '--company-id <id>',
    'the company (default: PAPERCLIP_COMPANY_ID, else the only one)'
  )
}

/** The company somebody named, by flag or variable. Misuse when it is not an id. */
export function namedCompany(io: CliIo, flags: CompanyFlags): string | undefined {
  const id = flags.companyId ?? envText(io, 'PAPERCLIP_COMPANY_ID')
  if (id !== undefined && !isUuid(id))
    throw new MisuseError(
      `${flags.companyId === undefined ? 'PAPERCLIP_COMPANY_ID' : '--company-id'} is not an id`,
      'see `paperclipai company list`'
    )
  return id
}

/** Finds the company to work in: the one named, else the only active one. */
export async function pickCompany(client: GatewayClient, io: CliIo, flags: CompanyFlags): Promise<string> {
  const named = namedCompany(io, flags)
  if (named !== undefined) return named
  const active = await listActive(client)
  const [only, ...others] = active
  if (only === undefined) throw await noneActive(client)
  if (others.length === 0) return only.id
  throw tooMany(active)
}

/** Finds a company by id, or by a name that only one has; archived ones too. */
export async function findNamedCompany(client: GatewayClient, company: string): Promise<CompanyView> {
  if (isUuid(company)) return await client.call(getCompany, { params: { companyId: company } })
  const rows = await allRows(client.pages(listCompanies, { query: wholePages }))
  const [only, ...others] = rows.filter(({ name }) => name === company)
  if (only === undefined)
    throw new CliError(`there is no company ${shown(company)}`, { hint: 'see `paperclipai company list`' })
  if (others.length === 0) return only
  throw new CliError(`several companies are named ${shown(company)}`, {
    exitCode: exitCodes.misuse,
    lines: [only, ...others].map(({ id, status, createdAt }) => `${id}  ${status}, made ${createdAt}`),
    hint: 'give the id instead of the name'
  })
}

/** As {@link pickCompany}, but an agent's id alone says enough when there are several companies. */
export async function pickCompanyOfAgent(
  client: GatewayClient,
  io: CliIo,
  { flags, agent }: { flags: CompanyFlags; agent: string }
): Promise<string> {
  const named = namedCompany(io, flags)
  if (named !== undefined || !isUuid(agent)) return named ?? (await pickCompany(client, io, flags))
  const active = await listActive(client)
  if (active.length === 1 && active[0] !== undefined) return active[0].id
  return (await client.call(getAgent, { params: { id: agent } })).companyId
}

async function listActive(client: GatewayClient): Promise<CompanyView[]> {
  const active: CompanyView[] = []
  for await (const page of client.pages(listCompanies, { query: wholePages })) {
    active.push(...page.filter((company) => company.status === 'active'))
    if (active.length > companiesShownMax) break
  }
  return active
}

async function noneActive(client: GatewayClient): Promise<CliError> {
  const archived = await client.call(listCompanies, { query: { limit: 1 } })
  const make = 'make one with `paperclipai company create <name>`'
  return archived.length === 0
    ? new CliError('there is no company yet', { hint: make })
    : new CliError('every company is archived', {
        hint: `bring one back with \`paperclipai company unarchive <company>\`, or ${make}`
      })
}

function tooMany(companies: readonly CompanyView[]): CliError {
  return new CliError('there are several companies', {
    exitCode: 2,
    lines: companies.slice(0, companiesShownMax).map((company) => `${company.id}  ${company.name}`),
    hint: 'choose one with --company-id or PAPERCLIP_COMPANY_ID'
  })
}
