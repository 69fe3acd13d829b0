import { limits } from '@paperclip/contracts'
import { type Command, InvalidArgumentError } from 'commander'
import { requirePassable } from '../agent-run/child-environment.js'
import { runAsAgent } from '../agent-run/run-as-agent.js'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { pickCompanyOfAgent } from '../pick/pick-company.js'
import { pickAgent, pickProject } from '../pick/pick-named.js'

interface Flags {
  readonly apiUrl?: string
  readonly companyId?: string
  readonly project?: string
  readonly pass?: string[]
  readonly ttl: number
  readonly lease: number
  readonly redact?: boolean
}

/** A run that nobody closes ends by this, however long its command lives. */
const ttlSecondsDefault = limits.runSecondsMax

/** A dead runner's run is over after this. */
const leaseSecondsDefault = 60

/** `agent run`. */
export function addAgentRun(parent: Command, io: CliIo): void {
  parent
    .command('run')
    .description('run a command with the secrets of an agent in its environment')
    .usage('[options] <agent> -- <command> [arguments...]')
    .argument('<agent>', 'its id or unique name')
    .argument('<command...>', 'the command and its arguments, after --')
    .option('--project <project>', 'a project whose environment wins over the agent’s, by id or unique name')
    .option('--pass <NAME>', 'pass this variable of yours on; may be repeated', collect)
    .option('--redact', 'mask secret values in what the command writes')
    .option(
      '--lease <seconds>',
      'how long the run outlives a runner that died',
      leaseSeconds,
      leaseSecondsDefault
    )
    .option('--ttl <seconds>', 'when the run ends at the latest', ttlSeconds, ttlSecondsDefault)
    .option('--company-id <id>', 'the company (default: PAPERCLIP_COMPANY_ID, else the only one)')
    .option(
      '--api-url <url>',
      'address of the gateway (default: PAPERCLIP_API_URL, else this machine’s instance)'
    )
    .addHelpText('after', help)
    .showHelpAfterError('paperclipai: hint: the command stands behind --: agent run <agent> -- <command> …')
    .action(async (agent: string, command: string[], flags: Flags) => {
      const { pass = [] } = flags
      requirePassable(io.env, pass)
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompanyOfAgent(client, io, { flags, agent })
        const agentId = await pickAgent(client, companyId, agent)
        const { project, ttl, lease } = flags
        const projectId = project === undefined ? null : await pickProject(client, companyId, project)
        const times = { ttlSeconds: ttl, leaseSeconds: lease }
        const { redact = false } = flags
        const run = { companyId, agentId, projectId, command, pass, redact, ...times }
        io.exitCode = await runAsAgent(io, client, run)
      })
    })
}

const leaseSeconds = secondsBetween(limits.leaseSecondsMin, limits.leaseSecondsMax)
const ttlSeconds = secondsBetween(limits.runSecondsMin, limits.runSecondsMax)

function secondsBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const seconds = Number(text)
    if (/^\d{1,6}$/.test(text) && seconds >= least && seconds <= most) return seconds
    throw new InvalidArgumentError(`It must be a whole number of seconds from ${least} to ${most}.`)
  }
}

function collect(name: string, before: string[] | undefined): string[] {
  return [...(before ?? []), name]
}

const help = `
Every value is fetched, and recorded, before the command starts; if one cannot be had it is not started, and
the failing paths are listed. The command's environment is made from nothing: PATH HOME USER LOGNAME SHELL
LANG LC_* TERM TZ TMPDIR, what --pass names, the agent's values, and PAPERCLIP_API_URL, PAPERCLIP_API_KEY (a
token of this run), PAPERCLIP_AGENT_ID, PAPERCLIP_COMPANY_ID, PAPERCLIP_RUN_ID.

stdin, stdout and stderr are the command's. Signals are passed on (on a terminal Ctrl-C reaches it directly),
and so is the exit code: 128+n when signal n ended it, 127 when it was not found. The run is closed however
the command ends. If the run is closed from outside (agent paused, key of the run revoked, lease lost), the
command gets SIGTERM, and SIGKILL after 10 seconds: its values are not its own any more.

--redact writes ***REDACTED*** where the command's stdout or stderr shows a secret, its token, or another
sensitive variable: as it is, URL-encoded, JSON-escaped or inside base64. They are pipes then and no terminal;
values of fewer than 4 bytes stay, which is told. It guards logs against accidents, not against the command.

Examples:
  $ paperclipai agent run coder -- my-agent --verbose
  $ paperclipai agent run coder --redact -- my-agent --verbose > agent.log 2>&1
  $ paperclipai agent run coder --project website --pass SSH_AUTH_SOCK -- make deploy
  $ paperclipai agent run coder -- sh -c 'echo \${#ANTHROPIC_API_KEY}'`
