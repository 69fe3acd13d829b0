import { SecretUsage } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { Value } from 'typebox/value'
import type { Actor } from '../auth/actor.js'
import type { GatewayDatabase } from '../database.js'
import { findTargetLabels } from './target-store.js'

/**
 * Fills in what the secrets service cannot know: the names and states of agents and projects.
 *
 * Only companies that the reader may enter are looked in. A secret belongs to one company, though the reply does
 * not say which: targets of several mean that the two services disagree, and then none of them is named.
 */
export async function labelTargets(
  db: Db<GatewayDatabase>,
  { actor, body }: { actor: Actor; body: Buffer }
): Promise<SecretUsage> {
  const usage: unknown = JSON.parse(body.toString())
  if (!Value.Check(SecretUsage, usage))
    throw new AppError('secrets_unavailable', { context: { hop: 'bad_reply' } })
  const idsOf = (type: 'agent' | 'project') =>
    usage.bindings.filter((binding) => binding.targetType === type).map((binding) => binding.targetId)
  const labels = await findTargetLabels(db, {
    agentIds: idsOf('agent'),
    projectIds: idsOf('project'),
    companyIds: companiesOf(actor)
  })
  if (new Set(labels.map((target) => target.companyId)).size > 1) return withoutLabels(usage)
  const byId = new Map(labels.map((target) => [`${target.type} ${target.id}`, target]))
  const bindings = usage.bindings.map((binding) => {
    const found = byId.get(`${binding.targetType} ${binding.targetId}`)
    const { label, status } = found ?? { label: null, status: 'deleted' as const }
    return { ...binding, target: { type: binding.targetType, id: binding.targetId, label, status } }
  })
  return { secretId: usage.secretId, bindings }
}

/** Null: every company. */
function companiesOf(actor: Actor): readonly string[] | null {
  if (actor.kind !== 'board') return []
  return actor.isInstanceAdmin ? null : [...actor.memberships.keys()]
}

function withoutLabels({ secretId, bindings }: SecretUsage): SecretUsage {
  const unnamed = bindings.map((binding) => ({
    ...binding,
    target: { type: binding.targetType, id: binding.targetId, label: null, status: null }
  }))
  return { secretId, bindings: unnamed }
}
