import { terminateAgent } from '@paperclip/contracts'
import type { Command } from 'commander'
import { changeAgentState } from '../change/change-agent-state.js'
import type { CliIo } from '../cli-io.js'

/** `agent terminate`. */
export function addAgentTerminate(parent: Command, io: CliIo): void {
  const command = parent
    .command('terminate')
    .description('end an agent for good: its runs end, its keys are revoked')
    .addHelpText('after', '\nExample:\n  $ paperclipai agent terminate coder --yes')
  changeAgentState(command, io, {
    route: terminateAgent,
    done: 'is terminated',
    question: 'Terminate this agent for good?'
  })
}
