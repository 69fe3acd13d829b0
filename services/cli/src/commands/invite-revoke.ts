import { ClientError, type GatewayClient } from '@paperclip/client'
import { isUuid, limits, listInvites, revokeInvite } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { type CompaniesFlags, pickCompanies, withCompaniesFlags } from '../every-company.js'
import { pickCompany } from '../pick-company.js'
import { printJson } from '../print.js'

interface Flags extends CompaniesFlags {
  readonly all?: true
}

/** `invite revoke`. */
export function addInviteRevoke(parent: Command, io: CliIo): void {
  withCompaniesFlags(parent.command('revoke').description('take an open invite back, or all of them'))
    .argument('[invite-id]', 'the id that `invite list` shows')
    .option('--all', 'all of them')
    .addHelpText(
      'after',
      '\nExamples:\n  $ paperclipai invite revoke 0198f7a0-…\n  $ paperclipai invite revoke --all --all-companies'
    )
    .action(async (invite: string | undefined, flags: Flags) => {
      // What is no id may be the token itself, so it is not repeated.
      if (invite !== undefined && !isUuid(invite))
        throw new MisuseError('<invite-id> is not an id', 'see `paperclipai invite list`')
      if (
        (invite === undefined) === (flags.all === undefined) ||
        (invite !== undefined && flags.allCompanies)
      )
        throw new MisuseError('give one invite, or --all', 'see `paperclipai invite list`')
      await withApi(io, flags, async (client) => {
        if (invite !== undefined) {
          const companyId = await pickCompany(client, io, flags)
          const result = await client.call(revokeInvite, { params: { companyId, inviteId: invite } })
          if (flags.json) printJson(io, result)
          else note(io, `invite ${invite} is revoked`)
          return
        }
        let revoked = 0
        for (const { id } of await pickCompanies(client, io, flags)) revoked += await revokeAll(client, id)
        if (flags.json) printJson(io, { revoked })
        else note(io, `${revoked} open invites are revoked`)
      })
    })
}

async function revokeAll(client: GatewayClient, companyId: string): Promise<number> {
  const open: string[] = []
  const query = { limit: limits.pageRowsMax }
  for await (const page of client.pages(listInvites, { params: { companyId }, query }))
    open.push(...page.map(({ id }) => id))
  let revoked = 0
  for (const inviteId of open)
    await client.call(revokeInvite, { params: { companyId, inviteId } }).then(
      () => {
        revoked += 1
      },
      (error: unknown) => {
        // Accepted meanwhile: the person is a member now, and in the list of those.
        if (!(error instanceof ClientError) || error.code !== 'not_found') throw error
      }
    )
  return revoked
}
