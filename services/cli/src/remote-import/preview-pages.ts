import type { GatewayClient } from '@paperclip/client'
import { previewRemoteImport, type RemoteImportPreview } from '@paperclip/contracts'
import { type Command, InvalidArgumentError } from 'commander'
import { type CliIo, note } from '../cli-io.js'

/** What is searched for. */
export interface SearchFlags {
  readonly query?: string
}

/** Adds `--query`, with what must be known of it. */
export function withSearchFlag(command: Command): Command {
  return command.option('--query <text>', 'only those the provider finds by this; never something secret')
}

/** Said where a search is taken: it does not stay here. */
export const searchHelp = `
The search goes to AWS as it is, and may be written down there (CloudTrail). Nothing but names and dates is
looked at: no value is read, and the permission secretsmanager:ListSecrets is all it takes.`

/** Reads `--page-size`. */
export function parsePageSize(text: string): number {
  const rows = Number(text)
  if (/^\d{1,3}$/.test(text) && rows >= 1 && rows <= 100) return rows
  throw new InvalidArgumentError('It must be a whole number from 1 to 100.')
}

/** Where a walk starts, and what it asks for each time. */
export interface Search extends SearchFlags {
  readonly companyId: string
  readonly providerConfigId: string
  readonly nextToken?: string
  readonly pageSize?: number
}

/** Walks the pages of a search, each asked for when the one before has come; says on stderr how far it is. */
export async function* previewPages(
  client: GatewayClient,
  io: CliIo,
  { companyId, nextToken, ...search }: Search
): AsyncGenerator<RemoteImportPreview, void> {
  let cursor = nextToken ?? null
  let seen = 0
  do {
    const body = { ...search, ...(cursor === null ? {} : { nextToken: cursor }) }
    const page = await client.call(previewRemoteImport, { params: { companyId }, body })
    seen += page.candidates.length
    yield page
    cursor = page.nextToken
    if (cursor !== null) note(io, `${seen} looked at, more to come`)
  } while (cursor !== null)
}
