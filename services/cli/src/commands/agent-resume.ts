import { resumeAgent } from '@paperclip/contracts'
import type { Command } from 'commander'
import { changeAgentState } from '../change/change-agent-state.js'
import type { CliIo } from '../cli-io.js'

/** `agent resume`. */
export function addAgentResume(parent: Command, io: CliIo): void {
  const command = parent
    .command('resume')
    .description('let a paused agent run again, with the keys it had')
    .addHelpText('after', '\nExample:\n  $ paperclipai agent resume coder')
  changeAgentState(command, io, { route: resumeAgent, done: 'is active again', question: null })
}
