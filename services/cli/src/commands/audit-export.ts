import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import { exportActivity } from '../audit-export/export-activity.js'
import { type ExportFormat, exportFormats } from '../audit-export/format-activity.js'
import { type CliIo, note } from '../cli-io.js'
import { type ActivityFilter, filterOf, withActivityFilter } from '../input/activity-filter.js'
import { printJson } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags, ActivityFilter {
  readonly output: string
  readonly format: ExportFormat
  readonly instance?: true
  readonly restart?: true
}

/** `audit export`. */
export function addAuditExport(parent: Command, io: CliIo): void {
  const command = parent.command('export').description('write every change to a file, newest first')
  withActivityFilter(withCompanyFlags(command))
    .requiredOption('--output <file>', 'a file that is not there yet; only its owner may read it')
    .addOption(new Option('--format <format>', 'how').choices(exportFormats).default('csv'))
    .option('--instance', 'of the instance itself and of deleted companies (instance admins)')
    .option('--restart', 'begin anew instead of going on with what was cut off')
    .addHelpText(
      'after',
      `
Safe to open in a spreadsheet: what would run as a formula begins with an apostrophe. When it is cut off, the
rows so far are in <file>.part, and the same command goes on after them.

Examples:
  $ paperclipai audit export --output changes.csv
  $ paperclipai audit export --output january.jsonl --format jsonl --from 2026-01-01 --to 2026-01-31`
    )
    .action(async (flags: Flags) => {
      await withApi(io, flags, async (client) => {
        const companyId = flags.instance ? null : await pickCompany(client, io, flags)
        const { output, format, restart = false } = flags
        const filter = filterOf(flags)
        const rows = await exportActivity(io, client, { output, format, companyId, filter, restart })
        if (flags.json) printJson(io, { output, rows })
        else note(io, `${rows} rows are in ${output}`)
      })
    })
}
