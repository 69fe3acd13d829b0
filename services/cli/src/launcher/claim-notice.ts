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
 * Null when somebody administers it already. Never fails: what runs is not stopped over a line of text.
 */
export async function findClaimNotice({ url, log }: { url: string; log: ChildLog }): Promise<string | null> {
  const deadline = performance.now() + writtenMsMax
  const client = createGatewayClient({ origin: url })
  try {
    while (performance.now() < deadline) {
      // A machine that is busy with starting may refuse the first questions.
      const health = await client.call(getHealth).catch(() => undefined)
      if (health?.bootstrapStatus === 'ready') return null
      const notice = health && (await log.findMessage(claimLink))
      if (notice !== undefined) return notice
      await sleep(pollMs)
    }
    return `whether somebody administers this instance is not known yet; if nobody does, the link is in ${log.path}`
  } finally {
    await client.close()
  }
}
