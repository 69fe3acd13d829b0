import { limits, newResolveId, type ResolveItem, resolveBatch } from '@paperclip/contracts'
import { AppError, createBatcher } from '@paperclip/server'
import type { RunActor } from '../auth/actor.js'
import { problemOfReply } from './hop-problem.js'
import { type ResolveFrame, splitFrames } from './resolve-frames.js'
import type { SecretsHop } from './secrets-hop.js'

/** Gets the environments of runs. */
export interface ResolveHop {
  resolve(run: RunActor, requestId: string): Promise<ResolveFrame>
}

/** Batches under way: enough that one is always being committed, opened and written (4 against 2 is 5–13 %, measured). */
const inFlightMax = 4
const waitingMax = 2_048
/** The event is committed or refused within a second; the rest is for opening and the way. */
const resolveMsMax = 5_000

/**
 * Makes the way of the resolves: those that wait together go as one signed request, and each gets its own frame
 * back unread. Every item names its own proved run, and its id is what makes a replay fail.
 */
export function createResolveHop(hop: SecretsHop): ResolveHop {
  const batcher = createBatcher<ResolveItem, ResolveFrame>({
    run: (items) => sendBatch(hop, items),
    itemsMax: limits.resolveBatchItemsMax,
    inFlightMax,
    waitingMax
  })
  return {
    resolve: ({ companyId, agentId, projectId, runId, openedBy }, requestId) =>
      batcher.submit({
        resolveId: newResolveId(),
        requestId,
        companyId,
        agentId,
        projectId,
        runId,
        openedBy
      })
  }
}

async function sendBatch(hop: SecretsHop, items: ResolveItem[]): Promise<ResolveFrame[]> {
  const reply = await hop.sendAsGateway({
    route: resolveBatch,
    body: JSON.stringify({ items }),
    deadlineMs: resolveMsMax
  })
  if (reply.status !== 200) throw refusedBatch(problemOfReply(reply))
  try {
    return splitFrames(reply.body, items.length)
  } catch {
    throw new AppError('secrets_unavailable', { context: { hop: 'bad_frames' } })
  }
}

/** A whole batch may be refused because the other side is busy or cannot record; other refusals are our fault. */
function refusedBatch(problem: AppError): AppError {
  return problem.status === 503
    ? problem
    : new AppError('secrets_unavailable', { context: { hop: 'batch_refused', code: problem.code } })
}
