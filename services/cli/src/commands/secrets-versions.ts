import { listSecretVersions } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, listRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { versionColumns } from '../output/views.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickSecretId } from '../pick/pick-secret-id.js'

/** `secrets versions`. */
export function addSecretsVersions(parent: Command, io: CliIo): void {
  const command = parent.command('versions').description('list the versions of a secret, newest first')
  withLimitFlag(withCompanyFlags(command), listRowsDefault)
    .argument('<secret>', 'its id, key or name')
    .addHelpText('after', '\nExample:\n  $ paperclipai secrets versions anthropic-api-key')
    .action(async (secret: string, flags: CompanyFlags & { limit: number }) => {
      await withApi(io, flags, async (client) => {
        const id = await pickSecretId(client, io, { flags, secret })
        const input = { params: { id }, query: { limit: pageSize(flags.limit) } }
        const rows = await collectRows(io, client.pages(listSecretVersions, input), flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns: versionColumns })
      })
    })
}
