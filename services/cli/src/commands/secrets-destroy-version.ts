import { destroySecretVersion } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withVersionChange } from '../change/change-version.js'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import type { CompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly yes?: true
}

/** `secrets destroy-version`. */
export function addSecretsDestroyVersion(parent: Command, io: CliIo): void {
  const command = parent
    .command('destroy-version')
    .description('remove the value of one version for good')
    .option('--yes', 'do not ask; needed without a terminal')
    .addHelpText(
      'after',
      '\nEnvironments that pin it are refused from then on. Nothing brings the value back.\n\nExample:\n  $ paperclipai secrets destroy-version anthropic-api-key 1 --yes'
    )
  withVersionChange<Flags>(command, io, {
    route: destroySecretVersion,
    async confirm(io, { secret, version, flags }) {
      if (flags.yes) return
      if (!io.stdin.isTTY) throw new MisuseError('destroying a version cannot be undone', 'say --yes')
      await confirmOrFail(io, `Destroy version ${version} of ${secret} for good?`)
    }
  })
}
