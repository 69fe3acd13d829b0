import { createSecret, providerIds } from '@paperclip/contracts'
import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, hint } from '../cli-io.js'
import { requireNoValue } from '../input/secret-value.js'
import { printRecord } from '../output/print.js'
import { secretColumns } from '../output/views.js'
import { type CompanyFlags, namedCompany, pickCompany, withCompanyFlags } from '../pick/pick-company.js'
import { type VaultFlag, vaultMember, withVaultFlag } from '../vault/reference-flags.js'

interface Flags extends CompanyFlags, VaultFlag {
  readonly externalRef: string
  readonly provider?: (typeof providerIds)[number]
  readonly providerVersion?: string
  readonly key?: string
  readonly description?: string
}

/** `secrets link`. */
export function addSecretsLink(parent: Command, io: CliIo): void {
  const command = parent.command('link').description('refer to a value that stays where it is')
  withVaultFlag(withCompanyFlags(command))
    .argument('<name>', 'its name here, 1 to 160 characters')
    .requiredOption('--external-ref <ref>', 'the name or ARN of the secret at its provider')
    .addOption(
      new Option('--provider <provider>', 'where it lies (default: of the vault, or the deployment)').choices(
        [...providerIds]
      )
    )
    .option('--provider-version <ref>', 'pin this version of it (default: whatever is current there)')
    .option('--key <key>', 'the key environments refer to (default: made of the name)')
    .option('--description <text>', 'what it is for, up to 500 characters')
    .addHelpText(
      'after',
      `
The value is not copied: it is read when a run that is bound to it asks, and never written or deleted.

Example:
  $ paperclipai secrets link "Stripe key" --provider aws_secrets_manager --external-ref prod/stripe`
    )
    .action(async (name: string, flags: Flags) => {
      requireNoValue([name, flags.key, flags.description, flags.externalRef])
      namedCompany(io, flags)
      const { externalRef, provider, providerVersion, key, description } = flags
      const more = {
        ...(provider === undefined ? {} : { provider }),
        ...(providerVersion === undefined ? {} : { providerVersionRef: providerVersion }),
        ...(key === undefined ? {} : { key }),
        ...(description === undefined ? {} : { description })
      }
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const vault = await vaultMember(client, io, flags)
        const body = { name, managedMode: 'external_reference', externalRef, ...vault, ...more } as const
        const record = await client.call(createSecret, { params: { companyId }, body })
        printRecord(io, { json: flags.json ?? false, record, columns: secretColumns })
        hint(io, `bind it with \`paperclipai env set <agent> NAME=secret:${record.key}\``)
      })
    })
}
