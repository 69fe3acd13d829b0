import type { GatewayClient } from '@paperclip/client'
import { type CompanyManifest, type ImportedCompany, importCompany } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { readManifest } from '../input/read-manifest.js'
import { type Column, counted, printJson, printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly file?: string
}

type Missing = ImportedCompany['missingSecrets'][number]

const columns: readonly Column<Missing>[] = [
  ['environment of', ({ target }) => target.type],
  ['name', ({ target }) => target.name],
  ['id', ({ target }) => target.id],
  ['variable to fill in', ({ name }) => name]
]

/** `company import`: into a company that is there. What it has already is left as it is. */
export function addCompanyImport(parent: Command, io: CliIo): void {
  withCompanyFlags(
    parent.command('import').description('make the agents and projects of an exported company')
  )
    .option('--file <file>', 'what `company export` printed; without, it comes from stdin')
    .addHelpText(
      'after',
      `
What is missing by name is made; nothing secret is set. Shown is what must be filled in. May be run again.

Examples:
  $ paperclipai company import --file acme.json
  $ paperclipai company export | paperclipai company import --api-url https://other.example --company-id …`
    )
    .action(async (flags: Flags) => {
      const manifest = await readManifest(io, flags.file)
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const { created, missingSecrets } = await importAll(client, io, { companyId, manifest })
        if (flags.json) printJson(io, { created, missingSecrets })
        else printRows(io, { json: false, rows: missingSecrets, columns })
        const made = (noun: string) => counted(created.filter(({ type }) => type === noun).length, noun)
        note(
          io,
          `${made('agent')} and ${made('project')} made, ${counted(missingSecrets.length, 'variable')} to fill in`
        )
        if (missingSecrets.length > 0)
          hint(io, 'store each secret and bind it: `paperclipai env set <agent> NAME=secret:<key>`')
      })
    })
}

/** Sends the manifest until all of it is done; what a last answer says is missing holds for all. */
async function importAll(
  client: GatewayClient,
  io: CliIo,
  { companyId, manifest }: { companyId: string; manifest: CompanyManifest }
): Promise<ImportedCompany> {
  const created: ImportedCompany['created'] = []
  for (;;) {
    const part = await client.call(importCompany, { params: { companyId }, body: { manifest } })
    created.push(...part.created)
    if (part.remaining === 0) return { ...part, created }
    note(io, `${created.length} made so far, ${part.remaining} to come`)
  }
}
