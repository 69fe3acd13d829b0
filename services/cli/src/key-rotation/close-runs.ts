import { ClientError, type GatewayClient } from '@paperclip/client'
import { finishRun, listRuns } from '@paperclip/contracts'
import { wholePages } from '../output/list-rows.js'
import type { RotationScope } from './plan-rotation.js'

/** Cancels every open run of the agents that are meant, and says how many; their tokens are refused from then on. */
export async function closeRuns(
  client: GatewayClient,
  { companies, agentId }: RotationScope
): Promise<number> {
  let closed = 0
  for (const { id: companyId } of companies) {
    const open: string[] = []
    for await (const page of client.pages(listRuns, { params: { companyId }, query: wholePages }))
      for (const run of page)
        if (run.status === 'running' && (agentId === null || run.agentId === agentId)) open.push(run.id)
    for (const runId of open) if (await isClosed(client, { companyId, runId })) closed += 1
  }
  return closed
}

/** False when it ended by itself meanwhile. */
async function isClosed(
  client: GatewayClient,
  params: { companyId: string; runId: string }
): Promise<boolean> {
  try {
    await client.call(finishRun, { params, body: { status: 'cancelled' } })
    return true
  } catch (error) {
    if (error instanceof ClientError && ['not_found', 'run_closed'].includes(error.code)) return false
    throw error
  }
}
