import { limits, newResolveId, type ResolveItem } from '@paperclip/contracts'
import { createBatcher } from '@paperclip/server'
import type { RunActor } from '../auth/actor.js'
import { sendBatch } from './resolve-batch.js'
import type { ResolveFrame } from './resolve-frames.js'
import type { SecretsHop } from './secrets-hop.js'
import { createSlowResolves } from './slow-resolves.js'

/** Gets the environments of runs. */
export interface ResolveHop {
  resolve(run: RunActor, requestId: string): Promise<ResolveFrame>
}

/** Batches under way: enough that one is always being committed, opened and written (4 against 2 is 5–13 %, measured). */
const inFlightMax = 4
const waitingMax = 2_048
/** Replies of which only a provider's part is missing. Each holds a connection, and the next batch needs a free one. */
const slowRepliesMax = 252
const slowItemsMax = 1_024

/** Connections that the resolves need to themselves, so that slow ones take none from anybody else. */
export const resolveConnectionsMax = inFlightMax + slowRepliesMax

/**
 * Makes the way of the resolves: those that wait together go as one signed request, and each gets its own frame
 * back unread. Every item names its own proved run, and its id is what makes a replay fail, and its frame its own.
 *
 * A batch counts as under way until nothing but providers is waited for: one that hangs holds up its own items only.
 */
export function createResolveHop(
  hop: SecretsHop,
  { repliesMax = slowRepliesMax, itemsMax = slowItemsMax }: { repliesMax?: number; itemsMax?: number } = {}
): ResolveHop {
  const slow = createSlowResolves({ repliesMax, itemsMax })
  const batcher = createBatcher<ResolveItem, ResolveFrame>({
    run: (items) => sendBatch({ hop, slow }, items),
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
