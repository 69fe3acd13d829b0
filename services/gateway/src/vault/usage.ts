import { SecretUsage } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Static } from 'typebox'
import { Value } from 'typebox/value'
import type { GatewayDatabase } from '../database.js'
import { findTargetLabels } from './target-store.js'

/** Fills in what the secrets service cannot know: the names and states of agents and projects. */
export async function labelTargets(
  db: Db<GatewayDatabase>,
  body: Buffer
): Promise<Static<typeof SecretUsage>> {
  const usage: unknown = JSON.parse(body.toString())
  if (!Value.Check(SecretUsage, usage))
    throw new AppError('secrets_unavailable', { context: { hop: 'bad_reply' } })
  const idsOf = (type: 'agent' | 'project') =>
    usage.bindings.filter((binding) => binding.targetType === type).map((binding) => binding.targetId)
  const labels = await findTargetLabels(db, { agentIds: idsOf('agent'), projectIds: idsOf('project') })
  const byId = new Map(labels.map((target) => [`${target.type} ${target.id}`, target]))
  const bindings = usage.bindings.map((binding) => {
    const found = byId.get(`${binding.targetType} ${binding.targetId}`)
    const { label, status } = found ?? { label: null, status: 'deleted' as const }
    return { ...binding, target: { type: binding.targetType, id: binding.targetId, label, status } }
  })
  return { secretId: usage.secretId, bindings }
}
