import { rotateMasterKey } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { CliError, MisuseError } from '../cli-error.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { requireMasterKeyId } from '../master-key/master-key-id.js'
import { prepareMasterKey, requireNewestKeyLoaded } from '../master-key/prepare-master-key.js'
import { printRecord } from '../output/print.js'

interface Flags extends ApiFlags {
  readonly to?: string
  readonly prepare?: true
}

/** `master-key rotate`: activates the waiting key, and wraps company keys again until none is left. */
export function addMasterKeyRotate(parent: Command, io: CliIo): void {
  withApiFlags(parent.command('rotate').description('replace the master key while secrets are used'))
    .option('--prepare', 'make the new key file of the instance on this machine, and nothing else')
    .option('--to <id>', 'rotate to this key; a former one takes a rotation back')
    .addHelpText(
      'after',
      `
Once every process of the secrets service has been restarted with the new key beside the old one. It may be repeated,
also after it was cut off; the old key opens until it is retired.

On an instance of this machine:
  $ paperclipai master-key rotate --prepare     then restart the instance
  $ paperclipai master-key rotate
  $ paperclipai master-key status
  $ paperclipai master-key retire mk_0123456789abcdef

With keys in the environment: set PAPERCLIP_SECRETS_MASTER_KEY to the new key and
PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS to the old one, restart one process after another, then rotate.`
    )
    .action(async (flags: Flags) => {
      if (flags.prepare && flags.to !== undefined)
        throw new MisuseError(
          '--prepare and --to are both given',
          'prepare a key, restart, and then rotate to it'
        )
      if (flags.to !== undefined) requireMasterKeyId(flags.to, '--to')
      await (flags.prepare ? prepare(io, flags) : rotate(io, flags))
    })
}

async function rotate(io: CliIo, flags: Flags): Promise<void> {
  await withApi(io, flags, async (client) => {
    const body = flags.to === undefined ? {} : { masterKeyId: flags.to }
    const total = { ...(await client.call(rotateMasterKey, { body })) }
    while (total.remaining > total.failed) {
      note(io, `${total.remaining} company keys are left`)
      const next = await client.call(rotateMasterKey, { body: { masterKeyId: total.activeKeyId } })
      // Somebody else may finish it; but what neither goes down nor is done would never end.
      if (next.rewrapped === 0 && next.remaining > next.failed && next.remaining >= total.remaining)
        throw new CliError('the rotation does not go on', { hint: 'see `paperclipai master-key status`' })
      total.rewrapped += next.rewrapped
      total.failed = next.failed
      total.remaining = next.remaining
    }
    printRecord(io, {
      json: flags.json ?? false,
      record: total,
      columns: [
        ['active key', (row) => row.activeKeyId],
        ['activated', (row) => (row.activated ? 'now' : 'before')],
        ['wrapped again', (row) => row.rewrapped],
        ['failed', (row) => row.failed]
      ]
    })
    if (total.failed > 0)
      throw new CliError(`${total.failed} company keys do not verify and stay under the former key`, {
        hint: 'the log of the secrets service names them; restore their rows from a backup'
      })
    if (!total.activated && total.rewrapped === 0) {
      if (flags.to === undefined && flags.apiUrl === undefined) await requireNewestKeyLoaded(io, client)
      hint(io, 'nothing was left to do; a new key waits once processes hold it, see --help')
    } else hint(io, 'when all is well, end the former key with `paperclipai master-key retire`')
  })
}

async function prepare(io: CliIo, flags: Flags): Promise<void> {
  await withApi(io, flags, async (client) => {
    const file = await prepareMasterKey(io, client)
    printRecord(io, {
      json: flags.json ?? false,
      record: { file },
      columns: [['created', (row) => row.file]]
    })
    hint(io, 'back it up, restart the instance, then run `paperclipai master-key rotate`')
  })
}
