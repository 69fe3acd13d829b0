import { deleteCompany } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { CliError, MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { promptText } from '../input/prompt.js'
import { printJson } from '../output/print.js'
import { findNamedCompany } from '../pick/pick-company.js'

interface Flags extends ApiFlags {
  readonly confirm?: string
}

/** `company delete`. */
export function addCompanyDelete(parent: Command, io: CliIo): void {
  withApiFlags(
    parent.command('delete').description('delete a company for good, and the key that opens its secrets')
  )
    .argument('<company>', 'its id or unique name')
    .option(
      '--confirm <name>',
      'its name once more; without a terminal, where it is asked for, it must be said'
    )
    .addHelpText(
      'after',
      `
For instance admins. Its projects, agents, keys, memberships and secrets go, and nothing brings them back; what was
done in it stays on record. Refused unless the gateway was started with PAPERCLIP_ENABLE_COMPANY_DELETION=true.
\`paperclipai company archive\` puts a company away and loses nothing.

Example:
  $ paperclipai company delete Acme --confirm Acme`
    )
    .action(async (company: string, flags: Flags) => {
      if (flags.confirm === undefined && !io.stdin.isTTY)
        throw new MisuseError('deleting a company cannot be undone', 'repeat its name with --confirm')
      await withApi(io, flags, async (client) => {
        const { id, name } = await findNamedCompany(client, company)
        const confirm = flags.confirm ?? (await promptText(io, `To delete ${id} for good, type its name`))
        if (confirm !== name) throw new CliError('this is not the name of the company; nothing was deleted')
        const result = await client.call(deleteCompany, { params: { companyId: id }, query: { confirm } })
        if (flags.json) printJson(io, { id, ...result })
        else note(io, `${name} (${id}) is deleted; its record is in \`paperclipai audit list --instance\``)
      })
    })
}
