import { type AccessEventView, listCompanyAccessEvents, listSecretAccessEvents } from '@paperclip/contracts'
import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, historyRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { type Column, printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'
import { pickSecretId } from '../pick/pick-secret-id.js'

interface Flags extends CompanyFlags {
  readonly limit: number
  readonly outcome?: 'success' | 'denied' | 'failure'
  readonly runId?: string
}

const columns: readonly Column<AccessEventView>[] = [
  ['time', (row) => row.createdAt],
  ['outcome', (row) => row.outcome],
  ['code', (row) => row.code],
  ['secret', (row) => row.secretKey],
  ['version', (row) => row.version],
  ['path', (row) => row.configPath],
  ['by', (row) => `${row.actorType}:${row.actorId}`],
  [
    'opened by',
    (row) => (row.openedBy === null ? null : `${row.openedBy.actorType}:${row.openedBy.actorId}`)
  ],
  ['run', (row) => row.runId]
]

/** `secrets access-events`. */
export function addSecretsAccessEvents(parent: Command, io: CliIo): void {
  const command = parent
    .command('access-events')
    .description('list who got a value and who was refused, newest first')
  withLimitFlag(withCompanyFlags(command), historyRowsDefault)
    .argument('[secret]', 'its id, key or name (default: every secret of the company)')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['success', 'denied', 'failure']))
    .option('--run-id <id>', 'only those of one run')
    .addHelpText(
      'after',
      '\nExample:\n  $ paperclipai secrets access-events anthropic-api-key --outcome denied'
    )
    .action(async (secret: string | undefined, flags: Flags) => {
      const filter = {
        ...(flags.outcome === undefined ? {} : { outcome: flags.outcome }),
        ...(flags.runId === undefined ? {} : { runId: flags.runId })
      }
      await withApi(io, flags, async (client) => {
        const query = { limit: pageSize(flags.limit), ...filter }
        const pages =
          secret === undefined
            ? client.pages(listCompanyAccessEvents, {
                params: { companyId: await pickCompany(client, io, flags) },
                query
              })
            : client.pages(listSecretAccessEvents, {
                params: { id: await pickSecretId(client, io, { flags, secret }) },
                query
              })
        const rows = await collectRows(io, pages, flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns })
      })
    })
}
