import { getMasterKeys, type MasterKeyView } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { type CliIo, hint } from '../cli-io.js'
import { type Column, printJson, printRows } from '../output/print.js'

const columns: readonly Column<MasterKeyView>[] = [
  ['id', (row) => row.id],
  ['state', (row) => row.state],
  ['company keys', (row) => row.companyKeys],
  ['held by', (row) => row.heldBy],
  ['activated', (row) => row.activatedAt],
  ['safe to remove', (row) => (row.safeToRemove ? 'yes' : 'no')]
]

/** `master-key status`. */
export function addMasterKeyStatus(parent: Command, io: CliIo): void {
  withApiFlags(parent.command('status').description('show master keys by id, and which processes hold them'))
    .addHelpText(
      'after',
      '\nwaiting: wraps nothing until it is rotated to. active: wraps. former: still opens. retired: opens nothing.\n' +
        'Never shows a key. For instance admins.\n\nExample:\n  $ paperclipai master-key status'
    )
    .action(async (flags: ApiFlags) => {
      await withApi(io, flags, async (client) => {
        const status = await client.call(getMasterKeys, {})
        if (flags.json) {
          printJson(io, status)
          return
        }
        printRows(io, { json: false, rows: status.keys, columns })
        for (const { host, pid, keys } of status.processes)
          hint(
            io,
            `${host} process ${pid} holds ${keys.map(({ id, source }) => `${id} (${source})`).join(', ')}`
          )
      })
    })
}
