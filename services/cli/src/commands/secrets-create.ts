import { createSecret } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, hint } from '../cli-io.js'
import {
  readSecretValue,
  requireNoValue,
  type ValueFlags,
  valueHelp,
  withValueFlags
} from '../input/secret-value.js'
import { printRecord } from '../output/print.js'
import { secretColumns } from '../output/views.js'
import { type CompanyFlags, namedCompany, pickCompany, withCompanyFlags } from '../pick/pick-company.js'
import { type VaultFlag, vaultMember, withVaultFlag } from '../vault/reference-flags.js'

interface Flags extends CompanyFlags, ValueFlags, VaultFlag {
  readonly key?: string
  readonly description?: string
}

/** `secrets create`. */
export function addSecretsCreate(parent: Command, io: CliIo): void {
  withVaultFlag(withValueFlags(withCompanyFlags(parent.command('create').description('store a secret'))))
    .argument('<name>', 'its name, 1 to 160 characters')
    .option('--key <key>', 'the key environments refer to (default: made of the name)')
    .option('--description <text>', 'what it is for, up to 500 characters')
    .addHelpText(
      'after',
      `${valueHelp}

Examples:
  $ printf %s "$KEY" | paperclipai secrets create "Anthropic API Key"
  $ paperclipai secrets create "Deploy key" --value-file ~/.ssh/deploy_ed25519
  $ paperclipai secrets create "GitHub token" --value-env GITHUB_TOKEN --key github-token`
    )
    .action(async (name: string, flags: Flags) => {
      requireNoValue([name, flags.key, flags.description])
      namedCompany(io, flags)
      const value = await readSecretValue(io, flags, `Value of ${name}`)
      const more = {
        ...(flags.key === undefined ? {} : { key: flags.key }),
        ...(flags.description === undefined ? {} : { description: flags.description })
      }
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const body = { name, value, ...more, ...(await vaultMember(client, io, flags)) }
        const record = await client.call(createSecret, { params: { companyId }, body })
        printRecord(io, { json: flags.json ?? false, record, columns: secretColumns })
        hint(io, `bind it with \`paperclipai env set <agent> NAME=secret:${record.key}\``)
      })
    })
}
