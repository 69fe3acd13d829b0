import type { pauseAgent, resumeAgent, terminateAgent } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { printJson } from '../output/print.js'
import { type CompanyFlags, pickCompanyOfAgent, withCompanyFlags } from '../pick/pick-company.js'
import { pickAgent } from '../pick/pick-named.js'

/** `question`: what is asked first, where the change cannot be undone; null: nothing. */
interface StateChange {
  readonly route: typeof pauseAgent | typeof resumeAgent | typeof terminateAgent
  readonly done: string
  readonly question: string | null
}

/** Makes a command change the state of an agent. What cannot be undone is asked, and without a terminal wants `--yes`. */
export function changeAgentState(command: Command, io: CliIo, { route, done, question }: StateChange): void {
  withCompanyFlags(command).argument('<agent>', 'its id or unique name')
  if (question !== null) command.option('-y, --yes', 'do not ask; needed without a terminal')
  command.action(async (agent: string, flags: CompanyFlags & { readonly yes?: true }) => {
    const mustAsk = question !== null && !flags.yes
    if (mustAsk && !io.stdin.isTTY) throw new MisuseError('this cannot be undone', 'say --yes')
    await withApi(io, flags, async (client) => {
      const companyId = await pickCompanyOfAgent(client, io, { flags, agent })
      const id = await pickAgent(client, companyId, agent)
      if (mustAsk) await confirmOrFail(io, `${question} (${id})`)
      const changed = await client.call(route, { params: { id } })
      if (flags.json) printJson(io, changed)
      else note(io, `${changed.name} (${id}) ${done}`)
    })
  })
}
