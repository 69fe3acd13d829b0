import type { ImportCandidate, RemoteImportPreview } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { printJson, printRows } from '../output/print.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickVault } from '../pick/pick-vault.js'
import { candidateColumns } from '../remote-import/import-table.js'
import {
  parsePageSize,
  previewPages,
  type SearchFlags,
  searchHelp,
  withSearchFlag
} from '../remote-import/preview-pages.js'

interface Flags extends CompanyFlags, SearchFlags {
  readonly pageSize?: number
  readonly nextToken?: string
  readonly all?: true
}

/** `import preview`. */
export function addImportPreview(parent: Command, io: CliIo): void {
  const command = parent.command('preview').description('show what lies at AWS and could be linked')
  withSearchFlag(withCompanyFlags(command))
    .argument('<vault>', 'id or name of the provider vault to look through')
    .option('--page-size <rows>', 'entries a page, 1 to 100 (default: 50)', parsePageSize)
    .option('--next-token <token>', 'go on where an earlier page ended')
    .option('--all', 'every page, one after the other')
    .addHelpText(
      'after',
      `${searchHelp}
ready can be imported; duplicate is linked through this vault already; conflict says what is in the way.

Examples:
  $ paperclipai import preview "Prod US-East" --query stripe
  $ paperclipai import preview "Prod US-East" --all --json > candidates.json`
    )
    .action(async (vault: string, flags: Flags) => {
      const { query, nextToken, pageSize } = flags
      await withApi(io, flags, async (client) => {
        const { id: providerConfigId, companyId } = await pickVault(client, io, { flags, vault })
        const search = {
          companyId,
          providerConfigId,
          ...(query === undefined ? {} : { query }),
          ...(nextToken === undefined ? {} : { nextToken }),
          ...(pageSize === undefined ? {} : { pageSize })
        }
        const candidates: ImportCandidate[] = []
        let last: RemoteImportPreview | undefined
        for await (const page of previewPages(client, io, search)) {
          last = page
          candidates.push(...page.candidates)
          if (!flags.all) break
        }
        if (last === undefined) throw new TypeError('a walk without a page')
        print(io, flags, { ...last, candidates })
      })
    })
}

function print(io: CliIo, { json }: Flags, preview: RemoteImportPreview): void {
  const { candidates, nextToken } = preview
  if (json) printJson(io, preview)
  else printRows(io, { json: false, rows: candidates, columns: candidateColumns })
  const ready = candidates.filter(({ importable }) => importable).length
  note(io, `${candidates.length} found, ${ready} ready`)
  if (nextToken !== null) hint(io, 'there are more: --all shows them, --json the token for --next-token')
  if (ready > 0)
    hint(io, 'link them with `paperclipai import commit <vault> --ref <reference>` or --all-ready')
}
