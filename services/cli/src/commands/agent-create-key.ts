import { type CreatedAgentKey, createAgentKey } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { requireNoValue } from '../input/secret-value.js'
import { type Column, printRecord } from '../output/print.js'
import { type CompanyFlags, pickCompanyOfAgent, withCompanyFlags } from '../pick/pick-company.js'
import { pickAgent } from '../pick/pick-named.js'

interface Flags extends CompanyFlags {
  readonly expiresAt?: string
}

const columns: readonly Column<CreatedAgentKey>[] = [
  ['id', (row) => row.id],
  ['name', (row) => row.name],
  ['token', (row) => row.token],
  ['expires', (row) => row.expiresAt]
]

/** `agent create-key`: the one command that prints a token, because it is made here and shown once. */
export function addAgentCreateKey(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('create-key').description('make a key for an agent and show it once'))
    .argument('<agent>', 'its id or unique name')
    .argument('[name]', 'what the key is for', 'paperclipai')
    .option('--expires-at <time>', 'when it stops working, ISO 8601 (default: never)')
    .addHelpText(
      'after',
      '\nExample, without the token on the screen:\n  $ paperclipai agent create-key coder ci --json | jq -r .token > coder.key'
    )
    .action(async (agent: string, name: string, flags: Flags) => {
      requireNoValue([name])
      const expiry = flags.expiresAt === undefined ? {} : { expiresAt: parseTime(flags.expiresAt) }
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompanyOfAgent(client, io, { flags, agent })
        const id = await pickAgent(client, companyId, agent)
        const record = await client.call(createAgentKey, { params: { id }, body: { name, ...expiry } })
        printRecord(io, { json: flags.json ?? false, record, columns })
        note(io, 'the token is shown this once; keep it where the agent finds it')
      })
    })
}

function parseTime(text: string): string {
  const ms = Date.parse(text)
  if (Number.isNaN(ms) || !/^\d{4}-\d\d-\d\d/.test(text))
    throw new MisuseError('--expires-at is not a time like 2030-01-31T00:00:00Z')
  return new Date(ms).toISOString()
}
