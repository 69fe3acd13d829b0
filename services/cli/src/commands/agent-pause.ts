import { pauseAgent } from '@paperclip/contracts'
import type { Command } from 'commander'
import { changeAgentState } from '../change/change-agent-state.js'
import type { CliIo } from '../cli-io.js'

/** `agent pause`. */
export function addAgentPause(parent: Command, io: CliIo): void {
  const command = parent
    .command('pause')
    .description('stop an agent for now: its runs end, and its keys are refused until it is resumed')
    .addHelpText('after', '\nExample:\n  $ paperclipai agent pause coder')
  changeAgentState(command, io, { route: pauseAgent, done: 'is paused', question: null })
}
