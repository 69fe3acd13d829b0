import type { RunView } from '@paperclip/contracts'
import type { Tx } from '@paperclip/db'
import type { GatewayDatabase } from '../database.js'
import { type Author, activityOf, type OutboxEntry } from '../outbox/activity.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { cancelRunRows, type RunOwner } from './run-store.js'

type ClosingReason =
  | 'company_archived'
  | 'company_deleted'
  | 'agent_paused'
  | 'agent_terminated'
  | 'agent_deleted'
  | 'project_deleted'

/** Closes what is open of a company, agent or project, and records each run. Their tokens are 401 from the commit on. */
export async function closeRunsOf(
  tx: Tx<GatewayDatabase>,
  owner: RunOwner,
  { author, reason }: { author: Author; reason: ClosingReason }
): Promise<void> {
  const runs = await cancelRunRows(tx, owner)
  await insertOutbox(
    tx,
    runs.map((run) => finishedActivity(author, run, reason))
  )
}

/** Records that a run was finished, with its status, and why when it did not finish by itself. */
export function finishedActivity(author: Author, run: RunView, reason: ClosingReason | null): OutboxEntry {
  return runActivity(author, 'run.finished', run, {
    status: run.status,
    ...(reason === null ? {} : { reason })
  })
}

/** Makes the activity row of a run. */
export function runActivity(
  author: Author,
  action: 'run.opened' | 'run.finished' | 'run.expired',
  run: RunView,
  metadata: Record<string, string | number | null> = {}
): OutboxEntry {
  return activityOf(author, {
    companyId: run.companyId,
    action,
    entityType: 'run',
    entityId: run.id,
    runId: run.id,
    metadata: { agentId: run.agentId, projectId: run.projectId, ...metadata }
  })
}
