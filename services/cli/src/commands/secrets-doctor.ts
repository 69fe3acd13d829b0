import type { GatewayClient } from '@paperclip/client'
import {
  checkVaultHealth,
  getSecretProvidersHealth,
  listSecretProviders,
  listSecrets,
  listVaults,
  type ProviderId,
  type VaultView
} from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import type { CheckResult } from '../doctor/doctor-check.js'
import { reportChecks } from '../doctor/print-checks.js'
import { checkDefaults, checkProviderOf, checkVault } from '../doctor/vault-checks.js'
import { allRows, wholePages } from '../output/list-rows.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly probe?: true
}

/** `secrets doctor`: exits 1 when a provider or a vault that is used has an error. */
export function addSecretsDoctor(parent: Command, io: CliIo): void {
  withCompanyFlags(
    parent.command('doctor').description('check the providers of a company’s secrets, and its vaults')
  )
    .option('--probe', 'check every vault anew, and keep what is found (needs the role admin)')
    .addHelpText(
      'after',
      '\nWithout --probe a vault shows what its last check found. Exit 0 when nothing failed (warnings\nincluded), else 1. With --json: {status, checks: [{id, status, message, repair}]}.\n\nExample:\n  $ paperclipai secrets doctor --probe'
    )
    .action(async (flags: Flags) => {
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        if (flags.probe) await probeAll(client, await allVaults(client, companyId))
        const checks = await runChecks(client, companyId)
        reportChecks(io, { json: flags.json ?? false, checks })
      })
    })
}

async function runChecks(client: GatewayClient, companyId: string): Promise<CheckResult[]> {
  const params = { companyId }
  const [views, { providers }, vaults] = await Promise.all([
    client.call(listSecretProviders, { params }),
    client.call(getSecretProvidersHealth, { params }),
    allVaults(client, companyId)
  ])
  const checks: CheckResult[] = []
  for (const health of providers) {
    const view = views.find(({ id }) => id === health.provider)
    if (view === undefined) continue
    const isUsed = view.configured || (await keepsWithoutVault(client, { companyId, provider: view.id }))
    checks.push(checkProviderOf(health, { view, isUsed }))
  }
  return [...checks, ...checkDefaults(vaults), ...vaults.map(checkVault)]
}

/** One after the other: vaults of one account share what it allows. */
async function probeAll(client: GatewayClient, vaults: readonly VaultView[]): Promise<void> {
  for (const { id, status } of vaults)
    if (status === 'ready' || status === 'warning') await client.call(checkVaultHealth, { params: { id } })
}

/** Whether something lies where the deployment says, and not in a vault. */
async function keepsWithoutVault(
  client: GatewayClient,
  { companyId, provider }: { companyId: string; provider: ProviderId }
): Promise<boolean> {
  const query = { provider, ...wholePages }
  for await (const rows of client.pages(listSecrets, { params: { companyId }, query }))
    if (rows.some(({ providerConfigId }) => providerConfigId === null)) return true
  return false
}

function allVaults(client: GatewayClient, companyId: string): Promise<VaultView[]> {
  return allRows(client.pages(listVaults, { params: { companyId }, query: wholePages }))
}
