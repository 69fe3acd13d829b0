import { disableSecretVersion } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withVersionChange } from '../change/change-version.js'
import type { CliIo } from '../cli-io.js'

/** `secrets disable-version`. */
export function addSecretsDisableVersion(parent: Command, io: CliIo): void {
  const command = parent
    .command('disable-version')
    .description('refuse one version until it is enabled again')
    .addHelpText(
      'after',
      '\n`latest` never falls back: while the newest version is disabled, it gives no value.\n\nExample:\n  $ paperclipai secrets disable-version anthropic-api-key 1'
    )
  withVersionChange(command, io, { route: disableSecretVersion })
}
