import {
  type CompanyRole,
  companyRoles,
  createInvite,
  type InviteCreated,
  limits
} from '@paperclip/contracts'
import { Argument, type Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { browserAddress } from '../api/browser-address.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { type Column, printRecord } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly hours?: string
}

const columns: readonly Column<InviteCreated>[] = [
  ['id', (row) => row.id],
  ['role', (row) => row.role],
  ['address', (row) => row.url],
  ['expires', (row) => row.expiresAt]
]

/** `invite create`: prints the address that makes whoever opens it first a member, because it is shown once. */
export function addInviteCreate(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('create').description('invite one person to a company'))
    .addArgument(new Argument('<role>', 'what they may do').choices([...companyRoles]))
    .option(
      '--hours <number>',
      `how long it is open, 1 to ${limits.inviteHoursMax} (default: ${limits.inviteHoursDefault})`
    )
    .addHelpText(
      'after',
      '\nSend the address to nobody but them: it works once, for whoever opens it first.\n\nExample:\n  $ paperclipai invite create operator'
    )
    .action(async (role: CompanyRole, flags: Flags) => {
      const hours = flags.hours === undefined ? {} : { expiresInHours: parseHours(flags.hours) }
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const created = await client.call(createInvite, { params: { companyId }, body: { role, ...hours } })
        const record = { ...created, url: browserAddress(io, created.url) }
        printRecord(io, { json: flags.json ?? false, record, columns })
        note(io, 'the address is shown this once')
      })
    })
}

function parseHours(text: string): number {
  const hours = Number(text)
  if (/^\d{1,3}$/.test(text) && hours >= 1 && hours <= limits.inviteHoursMax) return hours
  throw new MisuseError('--hours is not a number of hours', `give one from 1 to ${limits.inviteHoursMax}`)
}
