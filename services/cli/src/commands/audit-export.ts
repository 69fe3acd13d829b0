import type { GatewayClient } from '@paperclip/client'
import { listActivity, listCompanyAccessEvents, listInstanceActivity } from '@paperclip/contracts'
import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import { exportRows } from '../audit-export/export-rows.js'
import { accessEventTable, activityTable, instanceActivityTable } from '../audit-export/export-tables.js'
import { type ExportFormat, exportFormats } from '../audit-export/format-rows.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import {
  type ActivityFilter,
  filterOf,
  requireOneStream,
  withActivityFilter
} from '../input/activity-filter.js'
import { printJson } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags, ActivityFilter {
  readonly output: string
  readonly format: ExportFormat
  readonly access?: true
  readonly instance?: true
  readonly restart?: true
}

/** `audit export`. */
export function addAuditExport(parent: Command, io: CliIo): void {
  const command = parent.command('export').description('write every change to a file, newest first')
  withActivityFilter(withCompanyFlags(command))
    .requiredOption('--output <file>', 'a file that is not there yet; only its owner may read it')
    .addOption(new Option('--format <format>', 'how').choices(exportFormats).default('csv'))
    .option('--access', 'instead of changes: who got a value and who was refused (with --from and --to only)')
    .option('--instance', 'of the instance itself and of deleted companies (instance admins)')
    .option('--restart', 'begin anew instead of going on with what was cut off')
    .addHelpText(
      'after',
      `
Safe to open in a spreadsheet: what would run as a formula begins with an apostrophe. When it is cut off, the
rows so far are in <file>.part, and the same command goes on after them.

Examples:
  $ paperclipai audit export --output changes.csv
  $ paperclipai audit export --access --output reads.csv
  $ paperclipai audit export --output january.jsonl --format jsonl --from 2026-01-01 --to 2026-01-31`
    )
    .action(async (flags: Flags) => {
      requireFitting(flags)
      await withApi(io, flags, async (client) => {
        const { output } = flags
        const companyId = flags.instance ? null : await pickCompany(client, io, flags)
        const rows = await (flags.access && companyId !== null
          ? exportAccessEvents(io, client, { flags, companyId })
          : exportActivity(io, client, { flags, companyId }))
        if (flags.json) printJson(io, { output, rows })
        else note(io, `${rows} rows are in ${output}`)
      })
    })
}

function requireFitting(flags: Flags): void {
  requireOneStream(flags)
  if (flags.output === '-')
    throw new MisuseError('an export goes to a file, where it can go on when it is cut off', 'name one')
  if (!flags.access) return
  if (flags.instance)
    throw new MisuseError('--access and --instance exclude each other', 'values are read in a company')
  if (Object.keys(filterOf(flags)).some((name) => name !== 'from' && name !== 'to'))
    throw new MisuseError(
      'with --access only --from and --to choose rows',
      '`paperclipai secrets access-events` chooses by secret, agent, run and outcome'
    )
}

function exportActivity(
  io: CliIo,
  client: GatewayClient,
  { flags, companyId }: { flags: Flags; companyId: string | null }
): Promise<number> {
  const { output, format, restart = false } = flags
  const filter = filterOf(flags)
  return exportRows(io, {
    ...{ output, format, restart },
    table: companyId === null ? instanceActivityTable : activityTable,
    subject: JSON.stringify([client.address, 'changes', companyId, filter]),
    page: (query) =>
      companyId === null
        ? client.page(listInstanceActivity, { query: { ...query, ...filter } })
        : client.page(listActivity, { params: { companyId }, query: { ...query, ...filter } })
  })
}

function exportAccessEvents(
  io: CliIo,
  client: GatewayClient,
  { flags, companyId }: { flags: Flags; companyId: string }
): Promise<number> {
  const { output, format, restart = false } = flags
  const filter = filterOf(flags)
  return exportRows(io, {
    ...{ output, format, restart },
    table: accessEventTable,
    subject: JSON.stringify([client.address, 'access', companyId, filter]),
    page: (query) =>
      client.page(listCompanyAccessEvents, { params: { companyId }, query: { ...query, ...filter } })
  })
}
