import { enableSecretVersion } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withVersionChange } from '../change/change-version.js'
import type { CliIo } from '../cli-io.js'

/** `secrets enable-version`. */
export function addSecretsEnableVersion(parent: Command, io: CliIo): void {
  const command = parent
    .command('enable-version')
    .description('enable a disabled version')
    .addHelpText('after', '\nExample:\n  $ paperclipai secrets enable-version anthropic-api-key 1')
  withVersionChange(command, io, { route: enableSecretVersion })
}
