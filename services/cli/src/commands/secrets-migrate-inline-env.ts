import type { GatewayClient } from '@paperclip/client'
import { type InlineMigrationReport, type InlineValue, migrateInlineEnvironments } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { exitCodes } from '../cli-error.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { type Column, printJson, printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly apply?: true
}

type Report = Pick<InlineMigrationReport, 'applied' | 'targets' | 'values' | 'entries' | 'failures'>

const columns: readonly Column<InlineValue>[] = [
  ['environment of', (row) => row.targetType],
  ['id', (row) => row.targetId],
  ['variable', (row) => row.name],
  ['secret', (row) => row.secretKey]
]

/** What to do about environments that were left, by why. */
const nextSteps: Readonly<Record<string, string>> = {
  integrity_failure:
    'integrity_failure: its values do not open; `paperclipai env set --replace` with every value anew puts others in their place',
  infra_secret:
    'infra_secret: it holds a credential that the deployment itself runs with; take that out, see deploy/rotation.md'
}

/** `secrets migrate-inline-env`: exits 1 when an environment was left, which is told with the next step. */
export function addSecretsMigrateInlineEnv(parent: Command, io: CliIo): void {
  const command = parent
    .command('migrate-inline-env')
    .description('make a secret of every inline value that is one, and refer to it')
  withCompanyFlags(command)
    .option('--apply', 'do it; without, only say what would be done')
    .addHelpText(
      'after',
      `
Values never leave the server: it makes the secrets, and each agent resolves to the same text as before.
One environment after another is done as a whole. Cut off, run it again: what is done stays done.

Examples:
  $ paperclipai secrets migrate-inline-env
  $ paperclipai secrets migrate-inline-env --apply`
    )
    .action(async (flags: Flags) => {
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const report: Report = {
          applied: flags.apply ?? false,
          targets: 0,
          values: 0,
          entries: [],
          failures: []
        }
        await migrate(client, io, { companyId, report, json: flags.json ?? false })
      })
    })
}

/** Goes through the parts. What was done before one fails is shown before the failure is. */
async function migrate(
  client: GatewayClient,
  io: CliIo,
  { companyId, report, json }: { companyId: string; report: Report; json: boolean }
): Promise<void> {
  const { applied: apply } = report
  let sum = report
  try {
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const body = { apply, ...(cursor === undefined ? {} : { cursor }) }
      const part = await client.call(migrateInlineEnvironments, { params: { companyId }, body })
      sum = add(sum, part)
      cursor = part.nextCursor
      if (cursor !== null) note(io, `${sum.values} values so far, ${part.remaining} environments to look at`)
    }
  } catch (error) {
    if (apply && sum.values > 0) {
      print(io, { report: sum, json })
      hint(io, 'run it again: what is done stays done')
    }
    throw error
  }
  print(io, { report: sum, json })
}

function add(sum: Report, part: InlineMigrationReport): Report {
  return {
    applied: sum.applied,
    targets: sum.targets + part.targets,
    values: sum.values + part.values,
    entries: [...sum.entries, ...part.entries],
    failures: [...sum.failures, ...part.failures]
  }
}

function print(io: CliIo, { report, json }: { report: Report; json: boolean }): void {
  const { applied, targets, values, entries, failures } = report
  if (json) printJson(io, report)
  else printRows(io, { json, rows: entries, columns })
  const where = `in ${targets} ${targets === 1 ? 'environment' : 'environments'}`
  note(io, `${values} inline ${values === 1 ? 'value' : 'values'} ${where} ${applied ? 'moved' : 'found'}`)
  if (!applied && values > 0) hint(io, 'do it with `paperclipai secrets migrate-inline-env --apply`')
  for (const { targetType, targetId, code } of failures)
    note(io, `the environment of ${targetType} ${targetId} was left as it is (${code})`)
  for (const code of new Set(failures.map((failure) => failure.code))) {
    const next = nextSteps[code]
    if (next !== undefined) hint(io, next)
  }
  if (failures.length > 0) io.exitCode = exitCodes.failed
}
