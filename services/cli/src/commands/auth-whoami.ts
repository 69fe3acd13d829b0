import { type CliMe, getCliMe, getMe, type Me } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { type Column, printRecord } from '../output/print.js'

/** What is shown of a person. */
export const whoColumns: readonly Column<CliMe>[] = [
  ['user', (me) => me.user?.name ?? me.userId],
  ['email', (me) => me.user?.email],
  ['instance admin', (me) => (me.isInstanceAdmin ? 'yes' : 'no')],
  [
    'companies',
    (me) => me.memberships.map(({ companyId, role }) => `${companyId} (${role})`).join(', ') || null
  ],
  ['signed in by', (me) => me.source]
]

const agentColumns: readonly Column<Me>[] = [
  ['agent', (me) => me.agentId],
  ['company', (me) => me.companyId],
  ['run', (me) => me.runId],
  ['signed in by', (me) => me.credential.kind]
]

/** `auth whoami`. */
export function addAuthWhoami(parent: Command, io: CliIo): void {
  withApiFlags(parent.command('whoami').description('show who the gateway takes this command line for'))
    .addHelpText('after', '\nExample:\n  $ paperclipai auth whoami --json')
    .action(async (flags: ApiFlags) => {
      await withApi(io, flags, async (client) => {
        const json = flags.json ?? false
        const me = await client.call(getMe)
        if (me.actorType === 'agent') printRecord(io, { json, record: me, columns: agentColumns })
        else printRecord(io, { json, record: await client.call(getCliMe), columns: whoColumns })
      })
    })
}
