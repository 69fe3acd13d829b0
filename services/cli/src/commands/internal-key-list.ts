import { readInternalKeys } from '@paperclip/instance'
import type { Command } from 'commander'
import type { CliIo } from '../cli-io.js'
import { type KeyFlags, withKeyFlags } from '../internal-key/key-flags.js'
import { findKeyPlace } from '../internal-key/key-place.js'
import { internalKeyColumns, viewKey } from '../internal-key/key-view.js'
import { printRows } from '../output/print.js'

/** `internal-key list`: never a secret. */
export function addInternalKeyList(parent: Command, io: CliIo): void {
  withKeyFlags(parent.command('list').description('list the keys of internal services, never their secrets'))
    .addHelpText('after', '\nExample:\n  $ paperclipai internal-key list')
    .action(async (flags: KeyFlags) => {
      const { keysFile } = await findKeyPlace(io, flags)
      const rows = (await readInternalKeys(keysFile)).map(viewKey)
      printRows(io, { json: flags.json ?? false, rows, columns: internalKeyColumns })
    })
}
