import { ClientError, type GatewayClient } from '@paperclip/client'
import { isUuid, listInvites, revokeInvite } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { allRows, wholePages } from '../output/list-rows.js'
import { counted, printJson } from '../output/print.js'
import { type CompaniesFlags, pickCompanies, withCompaniesFlags } from '../pick/every-company.js'
import { pickCompany } from '../pick/pick-company.js'

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
        if (invite === undefined) await revokeEvery(client, io, flags)
        else await revokeOne(client, io, { invite, flags })
      })
    })
}

async function revokeOne(
  client: GatewayClient,
  io: CliIo,
  { invite, flags }: { invite: string; flags: Flags }
): Promise<void> {
  const companyId = await pickCompany(client, io, flags)
  const result = await client.call(revokeInvite, { params: { companyId, inviteId: invite } })
  if (flags.json) printJson(io, result)
  else note(io, `invite ${invite} is revoked`)
}

async function revokeEvery(client: GatewayClient, io: CliIo, flags: Flags): Promise<void> {
  let revoked = 0
  for (const { id } of await pickCompanies(client, io, flags)) revoked += await revokeAllOf(client, id)
  if (flags.json) printJson(io, { revoked })
  else note(io, `revoked ${counted(revoked, 'open invite')}`)
}

async function revokeAllOf(client: GatewayClient, companyId: string): Promise<number> {
  const open = await allRows(client.pages(listInvites, { params: { companyId }, query: wholePages }))
  let revoked = 0
  for (const { id: inviteId } of open)
    try {
      await client.call(revokeInvite, { params: { companyId, inviteId } })
      revoked += 1
    } catch (error) {
      // Accepted meanwhile: the person is a member now, and in the list of those.
      if (!(error instanceof ClientError) || error.code !== 'not_found') throw error
    }
  return revoked
}
