import {
  type ActorContext,
  DeclaredEnvironments,
  listDeclaredEnvironments,
  type VariableDeclaration
} from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { Value } from 'typebox/value'
import { problemOfReply } from '../vault/hop-problem.js'
import { forwardMsMax, type SecretsHop } from '../vault/secrets-hop.js'

/** Declarations by name of variable. */
export type DeclaredVariables = Readonly<Record<string, VariableDeclaration>>

/** Asks the secrets service what the environments of a company declare; by type and id of the target. */
export async function readDeclared(
  hop: SecretsHop,
  companyId: string,
  actor: ActorContext
): Promise<ReadonlyMap<string, DeclaredVariables>> {
  const reply = await hop.send({
    route: listDeclaredEnvironments,
    params: { companyId },
    actor,
    deadlineMs: forwardMsMax
  })
  if (reply.status !== 200) throw problemOfReply(reply)
  const declared: unknown = JSON.parse(reply.body.toString())
  if (!Value.Check(DeclaredEnvironments, declared))
    throw new AppError('secrets_unavailable', { context: { hop: 'bad_reply' } })
  return new Map(
    declared.environments.map(({ targetType, targetId, env }) => [keyOf(targetType, targetId), env])
  )
}

/** How {@link readDeclared} names a target. */
export function keyOf(type: 'agent' | 'project', id: string): string {
  return `${type} ${id}`
}
