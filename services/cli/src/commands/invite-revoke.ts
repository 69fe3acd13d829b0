import { isUuid, revokeInvite } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick-company.js'
import { printJson } from '../print.js'

/** `invite revoke`. */
export function addInviteRevoke(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('revoke').description('take an open invite back'))
    .argument('<invite-id>', 'the id that `invite list` shows')
    .addHelpText('after', '\nExample:\n  $ paperclipai invite revoke 0198f7a0-…')
    .action(async (inviteId: string, flags: CompanyFlags) => {
      // What is no id may be the address itself, so it is not repeated.
      if (!isUuid(inviteId))
        throw new MisuseError('<invite-id> is not an id', 'see `paperclipai invite list`')
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const result = await client.call(revokeInvite, { params: { companyId, inviteId } })
        if (flags.json) printJson(io, result)
        else note(io, `invite ${inviteId} is revoked`)
      })
    })
}
