import { listActivity, listInstanceActivity } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import {
  type ActivityFilter,
  activityColumns,
  filterOf,
  requireOneStream,
  withActivityFilter
} from '../input/activity-filter.js'
import { collectRows, historyRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags, ActivityFilter {
  readonly limit: number
  readonly instance?: true
}

/** `audit list`. */
export function addAuditList(parent: Command, io: CliIo): void {
  const command = parent.command('list').description('list what was changed, by whom, newest first')
  withActivityFilter(withLimitFlag(withCompanyFlags(command), historyRowsDefault))
    .option('--instance', 'of the instance itself and of deleted companies (instance admins)')
    .addHelpText(
      'after',
      `
Who got a secret is told by \`paperclipai secrets access-events\`. Longer lists: \`paperclipai audit export\`.

Examples:
  $ paperclipai audit list --action secret.rotated --from 2026-01-01
  $ paperclipai audit list --instance --json | jq -r '.[].action'`
    )
    .action(async (flags: Flags) => {
      requireOneStream(flags)
      await withApi(io, flags, async (client) => {
        const query = { limit: pageSize(flags.limit), ...filterOf(flags) }
        const pages = flags.instance
          ? client.pages(listInstanceActivity, { query })
          : client.pages(listActivity, { params: { companyId: await pickCompany(client, io, flags) }, query })
        const rows = await collectRows(io, pages, flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns: activityColumns })
      })
    })
}
