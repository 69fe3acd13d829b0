import { retireMasterKey } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { type CliIo, hint } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { requireMasterKeyId } from '../master-key/master-key-id.js'
import { printRecord } from '../output/print.js'

interface Flags extends ApiFlags {
  readonly yes?: true
}

/** `master-key retire`: from then on the key opens nothing. */
export function addMasterKeyRetire(parent: Command, io: CliIo): void {
  withApiFlags(parent.command('retire').description('end a former master key that wraps nothing any more'))
    .argument('<id>', 'as `master-key status` shows it')
    .option('-y, --yes', 'do not ask (nothing is asked without a terminal)')
    .addHelpText(
      'after',
      '\nIt cannot be undone. Backups of before still need the key: keep it with them, or not at all.\n' +
        '\nExample:\n  $ paperclipai master-key retire mk_0123456789abcdef'
    )
    .action(async (masterKeyId: string, flags: Flags) => {
      requireMasterKeyId(masterKeyId, '<id>')
      if (io.stdin.isTTY && !flags.yes) await confirmOrFail(io, `Retire ${masterKeyId} for ever?`)
      await withApi(io, flags, async (client) => {
        const record = await client.call(retireMasterKey, { params: { masterKeyId } })
        printRecord(io, {
          json: flags.json ?? false,
          record,
          columns: [
            ['id', (row) => row.id],
            ['state', (row) => row.state],
            ['retired', (row) => row.retiredAt]
          ]
        })
        hint(io, 'move its file to the backups that need it, or unset PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS')
      })
    })
}
