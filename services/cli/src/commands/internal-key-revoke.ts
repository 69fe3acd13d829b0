import type { Command } from 'commander'
import { type CliIo, hint, note } from '../cli-io.js'
import { revokeInternalKeys } from '../internal-key/change-keys.js'
import { type KeyFlags, parseCaller, withKeyFlags } from '../internal-key/key-flags.js'
import { findKeyPlace } from '../internal-key/key-place.js'
import { viewKey } from '../internal-key/key-view.js'
import { printJson } from '../output/print.js'

interface Flags extends KeyFlags {
  readonly key?: string
}

/** `internal-key revoke`: returns when the secrets service refuses the keys. */
export function addInternalKeyRevoke(parent: Command, io: CliIo): void {
  withKeyFlags(parent.command('revoke').description('end the keys of an internal service at once'))
    .argument('<caller>', 'the name of the service', parseCaller)
    .option('--key <id>', 'this key alone, by the id that `internal-key list` shows')
    .addHelpText('after', '\nExample:\n  $ paperclipai internal-key revoke runner')
    .action(async (caller: string, flags: Flags) => {
      const place = await findKeyPlace(io, flags)
      const keyId = flags.key === undefined ? {} : { keyId: flags.key }
      const { revoked, standing } = await revokeInternalKeys(place, { caller, ...keyId })
      const confirmed = standing === 'refused'
      if (flags.json) printJson(io, { revoked: revoked.map(viewKey), keysFile: place.keysFile, confirmed })
      for (const { id } of revoked) note(io, `${id} is revoked`)
      if (confirmed)
        note(
          io,
          `the secrets service at ${place.origin} refuses it, and so does every other one with this list`
        )
      else
        hint(
          io,
          `every secrets service that reads ${place.keysFile} refuses it from now on; one that has a copy, or the ` +
            'file mounted into a container, accepts it until it is restarted: `docker compose restart secrets`'
        )
    })
}
