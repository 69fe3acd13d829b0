import { getSecretUsage, type SecretUsage } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { type Column, printJson, printRows } from '../output/print.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickSecretId } from '../pick/pick-secret-id.js'

const columns: readonly Column<SecretUsage['bindings'][number]>[] = [
  ['target', (row) => row.targetType],
  ['name', (row) => row.target.label],
  ['target id', (row) => row.targetId],
  ['status', (row) => row.target.status],
  ['path', (row) => row.configPath],
  ['version', (row) => row.versionSelector]
]

/** `secrets usage`. */
export function addSecretsUsage(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('usage').description('show which environments refer to a secret'))
    .argument('<secret>', 'its id, key or name')
    .addHelpText('after', '\nExample:\n  $ paperclipai secrets usage anthropic-api-key')
    .action(async (secret: string, flags: CompanyFlags) => {
      await withApi(io, flags, async (client) => {
        const id = await pickSecretId(client, io, { flags, secret })
        const usage = await client.call(getSecretUsage, { params: { id } })
        if (flags.json) printJson(io, usage)
        else printRows(io, { json: false, rows: usage.bindings, columns })
      })
    })
}
