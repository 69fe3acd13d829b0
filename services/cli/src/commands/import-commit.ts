import type { GatewayClient } from '@paperclip/client'
import { type ImportRow, limits, type VaultView } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickVault } from '../pick/pick-vault.js'
import { previewPages, type SearchFlags, searchHelp, withSearchFlag } from '../remote-import/preview-pages.js'
import { readImportRows, toImportRow } from '../remote-import/read-import-rows.js'
import { sendImport } from '../remote-import/send-import.js'

interface Flags extends CompanyFlags, SearchFlags {
  readonly ref?: readonly string[]
  readonly file?: string
  readonly allReady?: true
  readonly yes?: true
}

/** `import commit`: exits 1 when a row is an error. What is skipped is none. */
export function addImportCommit(parent: Command, io: CliIo): void {
  const command = parent.command('commit').description('link what lies at AWS, without reading or copying it')
  withSearchFlag(withCompanyFlags(command))
    .argument('<vault>', 'id or name of the provider vault that leads there')
    .option('--ref <reference>', 'link this name or ARN (repeatable)', collect)
    .option('--file <file>', 'rows as JSON; without --ref, --file and --all-ready they come from stdin')
    .option('--all-ready', 'preview every page, and link all that is ready')
    .option('--yes', 'do not ask; needed with --all-ready without a terminal')
    .addHelpText(
      'after',
      `
Rows are an array of {"externalRef", "name"?, "key"?, "description"?, "providerVersionRef"?, "providerMetadata"?},
or what \`import preview --json\` prints, of which those that are ready are taken.
Each row is judged for itself: imported, skipped (linked already, or its name or key is taken) or error.
${searchHelp}

Examples:
  $ paperclipai import commit Prod --ref arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/stripe-AbCdEf
  $ paperclipai import commit Prod --all-ready --query prod/
  $ paperclipai import preview Prod --all --json | paperclipai import commit Prod`
    )
    .action(async (vault: string, flags: Flags) => {
      checkFlags(io, flags)
      const given = flags.allReady ? null : await givenRows(io, flags)
      await withApi(io, flags, async (client) => {
        const chosen = await pickVault(client, io, { flags, vault })
        const rows = given ?? (await readyRows(client, io, { vault: chosen, flags }))
        await sendImport(client, io, { vault: chosen, rows, json: flags.json ?? false })
      })
    })
}

function checkFlags(io: CliIo, { ref, file, allReady, query, yes }: Flags): void {
  const sources = [ref, file, allReady].filter((flag) => flag !== undefined)
  if (sources.length > 1) throw new MisuseError('--ref, --file and --all-ready exclude each other')
  if (query !== undefined && !allReady) throw new MisuseError('--query goes with --all-ready')
  if (sources.length === 0 && io.stdin.isTTY)
    throw new MisuseError('nothing was named to import', 'give --ref, --file or --all-ready')
  if (allReady && !yes && !io.stdin.isTTY)
    throw new MisuseError('--all-ready links whatever is found', 'say --yes')
}

async function givenRows(io: CliIo, { ref, file }: Flags): Promise<readonly ImportRow[]> {
  return ref === undefined ? readImportRows(io, file) : ref.map((externalRef) => ({ externalRef }))
}

async function readyRows(
  client: GatewayClient,
  io: CliIo,
  { vault, flags: { query, yes } }: { vault: VaultView; flags: Flags }
): Promise<readonly ImportRow[]> {
  const search = {
    companyId: vault.companyId,
    providerConfigId: vault.id,
    pageSize: limits.remotePageRowsMax,
    ...(query === undefined ? {} : { query })
  }
  const rows: ImportRow[] = []
  for await (const { candidates } of previewPages(client, io, search))
    rows.push(...candidates.filter(({ importable }) => importable).map(toImportRow))
  if (rows.length > 0 && !yes)
    await confirmOrFail(io, `Link ${rows.length} secrets through the vault ${vault.displayName}?`)
  return rows
}

function collect(text: string, former: readonly string[] = []): readonly string[] {
  return [...former, text]
}
