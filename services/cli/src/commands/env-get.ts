import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { printEnvironment } from '../environment/environment-print.js'
import { findEnvironment, requireOneTarget } from '../environment/environment-target.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly project?: string
}

/** `env get`. */
export function addEnvGet(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('get').description('show the environment of an agent or project'))
    .argument('[agent]', 'its id or unique name')
    .option('--project <project>', 'a project instead, by id or unique name')
    .addHelpText(
      'after',
      '\nSecrets show as references, sensitive plain values as a placeholder.\n\nExample:\n  $ paperclipai env get coder'
    )
    .action(async (agent: string | undefined, flags: Flags) => {
      const names = { agent, project: flags.project }
      requireOneTarget(names)
      await withApi(io, flags, async (client) => {
        const target = await findEnvironment(client, io, { flags, ...names })
        const { companyId } = target
        await printEnvironment(io, await target.get(), { client, companyId, json: flags.json ?? false })
      })
    })
}
