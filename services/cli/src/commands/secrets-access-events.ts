import type { GatewayClient } from '@paperclip/client'
import { type AccessEventView, listCompanyAccessEvents, listSecretAccessEvents } from '@paperclip/contracts'
import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { parseFrom, parseTo } from '../input/activity-filter.js'
import { collectRows, historyRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { type Column, printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, pickCompanyOfAgent, withCompanyFlags } from '../pick/pick-company.js'
import { pickAgent } from '../pick/pick-named.js'
import { pickSecretId } from '../pick/pick-secret-id.js'

interface Flags extends CompanyFlags {
  readonly limit: number
  readonly outcome?: 'success' | 'denied' | 'failure'
  readonly agent?: string
  readonly runId?: string
  readonly from?: string
  readonly to?: string
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
    .option('--agent <agent>', 'only what this agent asked for, by id or unique name')
    .option('--run-id <id>', 'only those of one run')
    .option('--from <time>', 'from this time on (ISO 8601; of a day its beginning, in UTC)', parseFrom)
    .option('--to <time>', 'before this time (ISO 8601; of a day its end)', parseTo)
    .addHelpText(
      'after',
      `
Into a file goes all of it with \`paperclipai audit export --access\`.

Examples:
  $ paperclipai secrets access-events anthropic-api-key --outcome denied
  $ paperclipai secrets access-events --agent coder --from 2026-01-30T22:00:00Z --json`
    )
    .action(async (secret: string | undefined, flags: Flags) => {
      await withApi(io, flags, async (client) => {
        const query = { limit: pageSize(flags.limit), ...(await filterOf(client, io, flags)) }
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

async function filterOf(client: GatewayClient, io: CliIo, flags: Flags) {
  const { agent, outcome, runId, from, to } = flags
  const companyId = agent === undefined ? '' : await pickCompanyOfAgent(client, io, { flags, agent })
  return {
    ...(agent === undefined ? {} : { agentId: await pickAgent(client, companyId, agent) }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(runId === undefined ? {} : { runId }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to })
  }
}
