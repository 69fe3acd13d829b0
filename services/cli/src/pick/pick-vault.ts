import type { GatewayClient } from '@paperclip/client'
import { getVault, isUuid, listVaults, type VaultView } from '@paperclip/contracts'
import type { CliIo } from '../cli-io.js'
import { allRows, wholePages } from '../output/list-rows.js'
import { type CompanyFlags, namedCompany, pickCompany } from './pick-company.js'
import { pickOne } from './pick-named.js'

/** Finds a provider vault by id, or by a name that only one vault in use has. An id needs no company. */
export async function pickVault(
  client: GatewayClient,
  io: CliIo,
  { flags, vault }: { flags: CompanyFlags; vault: string }
): Promise<VaultView> {
  namedCompany(io, flags)
  if (isUuid(vault)) return client.call(getVault, { params: { id: vault } })
  const companyId = await pickCompany(client, io, flags)
  const all = await allRows(client.pages(listVaults, { params: { companyId }, query: wholePages }))
  const named = all.filter(({ displayName }) => displayName === vault)
  const inUse = named.filter(({ status }) => status !== 'disabled')
  const candidates = (inUse.length > 0 ? inUse : named).map((row) => ({ ...row, names: [row.displayName] }))
  const id = pickOne(candidates, { noun: 'vault', given: vault, list: 'paperclipai vault list' })
  const found = named.find((row) => row.id === id)
  if (found === undefined) throw new TypeError('the chosen vault was not listed')
  return found
}
