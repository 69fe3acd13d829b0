import { setTimeout as sleep } from 'node:timers/promises'
import { ClientError } from '@paperclip/client'
import { type FinishRun, finishRun, type OpenedRun } from '@paperclip/contracts'
import { openClient } from '../api/api-session.js'
import { type CliIo, note } from '../cli-io.js'

/** Below a renewal's interval even at the shortest lease. */
export const runDeadlineMs = 4_000

const finishAttemptsMax = 3
/** A gateway that restarts is back within a second or two. */
const finishRetryMs = 500

/** How a run is closed. */
export type RunStatus = FinishRun['status']

/** Closes the run, by its own token. What cannot be closed closes itself when its lease ends. */
export async function closeRun(
  io: CliIo,
  { opened, status, address }: { opened: OpenedRun; status: RunStatus; address: string }
): Promise<void> {
  const { run, token } = opened
  const client = openClient(address, token, { deadlineMs: runDeadlineMs })
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await client.call(finishRun, {
          params: { companyId: run.companyId, runId: run.id },
          body: { status }
        })
        return
      } catch (error) {
        // Closed already, by someone else or by an attempt whose answer was lost.
        if (error instanceof ClientError && error.status === 401) return
        const mayPass = error instanceof ClientError && (error.status === 0 || error.status >= 500)
        if (mayPass && attempt < finishAttemptsMax) {
          await sleep(finishRetryMs)
          continue
        }
        note(io, `run ${run.id} could not be closed (${codeOf(error)}); it ends with its lease`)
        return
      }
    }
  } finally {
    await client.close()
  }
}

/** What a failure is called on stderr. */
export function codeOf(error: unknown): string {
  return error instanceof ClientError ? error.code : 'internal'
}
