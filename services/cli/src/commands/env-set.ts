import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { applyChanges, type ChangeFlags, readChanges } from '../environment/environment-changes.js'
import { printEnvironment } from '../environment/environment-print.js'
import { findEnvironment, requireOneTarget } from '../environment/environment-target.js'
import { type CompanyFlags, namedCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags, ChangeFlags {
  readonly project?: string
}

/** `env set`. */
export function addEnvSet(parent: Command, io: CliIo): void {
  withCompanyFlags(
    parent.command('set').description('change variables of an agent or project, keeping the others')
  )
    .usage(
      '<agent> NAME=secret:<key>[@version]... [options]\n       paperclipai env set --project <project> …'
    )
    .argument('[words...]', 'the agent (unless --project is given), then NAME=secret:<key>[@version]')
    .option('--project <project>', 'a project instead, by id or unique name')
    .option('--secret <NAME=key>', 'the same as NAME=secret:<key>; may be repeated', collect)
    .option('--plain-file <NAME=path>', 'a plain value from a file; may be repeated', collect)
    .option(
      '--plain-env <NAME[=VAR]>',
      'a plain value from an environment variable; may be repeated',
      collect
    )
    .option('--from-file <path>', 'variables from a JSON object; - is stdin')
    .option('--unset <NAME>', 'take a variable away; may be repeated', collect)
    .option('--replace', 'start from an empty environment instead of the present one')
    .addHelpText('after', help)
    .action(async (words: string[], flags: Flags) => {
      const [agent, assignments] =
        flags.project === undefined ? [words[0], words.slice(1)] : [undefined, words]
      requireOneTarget({ agent, project: flags.project })
      if (agent?.includes('=')) throw new MisuseError('the first argument must name the agent')
      namedCompany(io, flags)
      const changes = await readChanges(io, assignments, flags)
      await withApi(io, flags, async (client) => {
        const target = await findEnvironment(client, io, { flags, agent, project: flags.project })
        const current = flags.replace ? {} : (await target.get()).env
        const saved = await target.put(applyChanges(current, changes))
        const { companyId } = target
        await printEnvironment(io, saved, { client, companyId, json: flags.json ?? false })
      })
    })
}

function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text]
}

const help = `
A secret is stored first (\`secrets create\`) and referred to here by its key; \`latest\` is meant unless a
version follows. Plain values never stand in an argument. The environment is read, changed and saved as a
whole: of two people saving at the same moment, the later one wins.

Examples:
  $ paperclipai env set coder ANTHROPIC_API_KEY=secret:anthropic-api-key
  $ paperclipai env set coder GITHUB_TOKEN=secret:github-token@3 --unset OLD_TOKEN
  $ MODEL=large paperclipai env set coder --plain-env MODEL
  $ echo '{"AWS_REGION":"eu-west-1"}' | paperclipai env set --project website --from-file -`
