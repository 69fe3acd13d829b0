import { type DeletedSecret, deleteSecret } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, note } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { printJson } from '../output/print.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickSecretId } from '../pick/pick-secret-id.js'

interface Flags extends CompanyFlags {
  readonly force?: true
  readonly yes?: true
}

/** What became of values that lay at a provider, as a sentence goes on; nothing when they lay here. */
const remoteWords: Record<DeletedSecret['remote'], string> = {
  none: '',
  scheduled: '; its provider forgets the value when the recovery window ends',
  pending: '; its provider could not delete the value yet, and is asked again until it has',
  kept: '; what lies at its provider, or in a disabled vault, was left alone'
}

/** `secrets delete`. */
export function addSecretsDelete(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('delete').description('delete a secret and all its versions'))
    .argument('<secret>', 'its id, key or name')
    .option('--force', 'also when environments still refer to it')
    .option('--yes', 'do not ask (nothing is asked without a terminal)')
    .addHelpText(
      'after',
      '\nThe record of who read it stays. A value of ours at a provider is deleted there too, unless its vault is disabled.\n\nExample:\n  $ paperclipai secrets delete old-token --yes'
    )
    .action(async (secret: string, flags: Flags) => {
      await withApi(io, flags, async (client) => {
        const id = await pickSecretId(client, io, { flags, secret })
        if (!flags.yes && io.stdin.isTTY) await confirmOrFail(io, `Delete ${secret} and all its versions?`)
        const query = flags.force ? { query: { force: true } } : {}
        const result = await client.call(deleteSecret, { params: { id }, ...query })
        if (flags.json) printJson(io, result)
        else note(io, `${secret} is deleted${remoteWords[result.remote]}`)
      })
    })
}
