import type { GatewayClient } from '@paperclip/client'
import {
  type OpenedRun,
  openRun,
  type ResolvedEnvironment,
  resolveRunEnvironment
} from '@paperclip/contracts'
import { openClient } from '../api/api-session.js'
import { exitCodes } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { childEnvironment, type RunVariables } from './child-environment.js'
import { closeRun, codeOf, type RunStatus, runDeadlineMs } from './close-run.js'
import { maskOutput } from './masked-output.js'
import { redactionOfRun } from './redacted-values.js'
import { type CommandEnd, signalNumber, startCommand } from './run-command.js'
import { keepLease } from './run-lease.js'
import { relaySignals, type SignalRelay } from './signal-relay.js'

/** A closed run's command still holds its values, so it is ended: asked first, then killed. */
const closedGraceMs = 10_000

export interface AgentRun {
  readonly companyId: string
  readonly agentId: string
  readonly projectId: string | null
  readonly command: readonly string[]
  readonly pass: readonly string[]
  readonly ttlSeconds: number
  readonly leaseSeconds: number
  /** Mask values in what the command writes. */
  readonly redact: boolean
}

/**
 * Runs a command as an agent: opens a run, resolves its environment, starts the command with it, keeps the lease,
 * closes the run however the command ends. Resolves to the exit code. Writes nothing to stdout.
 *
 * Every value is resolved before the command starts; a failure there means that it never does.
 */
export async function runAsAgent(io: CliIo, client: GatewayClient, options: AgentRun): Promise<number> {
  const { companyId, agentId, projectId, ttlSeconds, leaseSeconds } = options
  const terminals = [io.stdin, io.stdout, io.stderr]
  const relay = relaySignals({ onTerminal: terminals.some((stream) => stream.isTTY) })
  try {
    const opened = await client.call(openRun, {
      params: { companyId, agentId },
      body: { projectId, ttlSeconds, leaseSeconds }
    })
    let status: RunStatus = 'failed'
    try {
      const end = await runOpened(io, { opened, relay, address: client.address, options })
      status = statusOf(end, relay)
      return end.exitCode
    } finally {
      await closeRun(io, { opened, status, address: client.address })
    }
  } finally {
    relay.close()
  }
}

interface Opened {
  readonly opened: OpenedRun
  readonly relay: SignalRelay
  readonly address: string
  readonly options: AgentRun
}

async function runOpened(io: CliIo, { opened, relay, address, options }: Opened): Promise<CommandEnd> {
  const { run, token } = opened
  const first = await resolveOrStop(io, { token, relay, address })
  if (typeof first === 'string')
    return { exitCode: exitCodes.signalBase + signalNumber(first), signal: first }
  const variables: RunVariables = {
    PAPERCLIP_API_URL: address,
    PAPERCLIP_API_KEY: token,
    PAPERCLIP_AGENT_ID: run.agentId,
    PAPERCLIP_COMPANY_ID: run.companyId,
    PAPERCLIP_RUN_ID: run.id
  }
  const env = childEnvironment(io.env, { pass: options.pass, resolved: first.env, run: variables })
  const { manifest } = first
  const output = options.redact ? maskOutput(io, redactionOfRun(io, { env, manifest })) : null
  const command = startCommand(options.command, { env, relay, output })
  const leaseClient = openClient(address, token, { deadlineMs: runDeadlineMs })
  const stop = keepLease({
    client: leaseClient,
    companyId: run.companyId,
    runId: run.id,
    leaseSeconds: options.leaseSeconds,
    onClosed(error) {
      note(io, `the run is closed (${error.code}); ending the command, which still holds its values`)
      command.terminate({ graceMs: closedGraceMs })
    },
    onTrouble: (error) => note(io, `the lease of the run could not be renewed (${codeOf(error)}); trying on`)
  })
  try {
    return await command.ended
  } finally {
    stop()
    output?.close()
    await leaseClient.close()
  }
}

/** Fetches the run's values, or gives the signal that came first. */
async function resolveOrStop(
  io: CliIo,
  { token, relay, address }: { token: string; relay: SignalRelay; address: string }
): Promise<ResolvedEnvironment | NodeJS.Signals> {
  const client = openClient(address, token)
  const resolving = client.call(resolveRunEnvironment)
  // After a signal its failure is of no interest.
  resolving.catch(() => {})
  try {
    return await Promise.race([resolving, relay.interrupted])
  } catch (error) {
    note(io, 'the command was not started: its environment could not be had')
    throw error
  } finally {
    // After a signal an answer would come too late, and waiting for it would hold up the end.
    await client.abandon()
  }
}

/** A command that was asked to end and did not succeed was cancelled, whichever way it died. */
function statusOf({ exitCode }: CommandEnd, relay: SignalRelay): RunStatus {
  if (exitCode === exitCodes.ok) return 'succeeded'
  return relay.endedBy === null ? 'failed' : 'cancelled'
}
