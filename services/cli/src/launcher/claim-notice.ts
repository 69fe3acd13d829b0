import { setTimeout as sleep } from 'node:timers/promises'
import { createGatewayClient } from '@paperclip/client'
import { getHealth } from '@paperclip/contracts'
import type { ChildLog } from './child-log.js'

const claimLink = /\/board-claim\//
/** The service writes its log in larger pieces, so the line may come a moment after it is ready. */
const writtenMsMax = 5_000
const pollMs = 50

/**
 * Finds what the gateway's log says about claiming the instance, so that whoever started it need not search for it.
 * Null when somebody administers it already.
 */
export async function findClaimNotice({ url, log }: { url: string; log: ChildLog }): Promise<string | null> {
  const client = createGatewayClient({ origin: url })
  try {
    if ((await client.call(getHealth)).bootstrapStatus === 'ready') return null
  } finally {
    await client.close()
  }
  const deadline = performance.now() + writtenMsMax
  for (;;) {
    const notice = await log.findMessage(claimLink)
    if (notice !== undefined) return notice
    if (performance.now() > deadline)
      return `nobody administers this instance yet: the link is in ${log.path}`
    await sleep(pollMs)
  }
}
