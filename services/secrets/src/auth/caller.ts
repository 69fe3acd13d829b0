import type { ActorContext, CompanyRole, OpenedBy, RouteAuth } from '@paperclip/contracts'
import { roleReaches } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { VerifiedRequest, VerifierKey } from '@paperclip/signing'

/** Who a verified request speaks for, and the key that signed it. */
export interface Caller {
  readonly actor: ActorContext
  readonly key: VerifierKey
  /** The replay guard of this one request. */
  readonly nonce: Pick<VerifiedRequest, 'nonce' | 'createdMs' | 'expiresMs'>
}

/** Only the gateway's key carries this scope, and only that key may speak for others. */
const gatewayScope = 'activity:write'

/** Says whether a key is the gateway's. */
export function isGateway(key: VerifierKey): boolean {
  return key.scopes.includes(gatewayScope)
}

/** Refuses an actor that the signing key may not speak for. */
export function requireOwnVoice(key: VerifierKey, actor: ActorContext): void {
  if (isGateway(key)) return
  const speaksForItself =
    actor.type === 'service' &&
    actor.credential.kind === 'service_key' &&
    actor.userId === null &&
    actor.agentId === null &&
    actor.openedBy === null &&
    !actor.isInstanceAdmin &&
    actor.memberships.length === 0
  if (!speaksForItself)
    throw new AppError('forbidden', { detail: 'This key may speak for its own service only.' })
}

/** Refuses a caller that the route does not name, or that may not enter the company of the path. */
export function authorizeRoute(caller: Caller, auth: RouteAuth, companyId: string | undefined): void {
  const { actor, key } = caller
  if (!(auth.actors as readonly string[]).includes(kindOf(actor))) throw new AppError('forbidden')
  if (actor.type === 'service' && auth.scope !== undefined && !key.scopes.includes(auth.scope))
    throw new AppError('forbidden', { detail: `This key lacks the scope ${auth.scope}.` })
  if (auth.instanceAdmin && !actor.isInstanceAdmin) throw new AppError('forbidden')
  if (companyId !== undefined) requireCompany(caller, companyId, auth.role)
}

function kindOf(actor: ActorContext): string {
  if (actor.type === 'agent') return actor.credential.kind === 'run_token' ? 'run' : 'agent_key'
  return actor.type
}

function requireCompany({ actor, key }: Caller, companyId: string, role: CompanyRole | undefined): void {
  const mayEnter =
    actor.type === 'service'
      ? key.companies === null || key.companies.includes(companyId)
      : actor.type === 'agent'
        ? actor.companyId === companyId
        : roleIn(actor, companyId) !== null
  if (!mayEnter) throw new AppError('company_forbidden')
  if (actor.type === 'board') requireRole(actor, companyId, role)
}

/** The role of a board actor in a company; an instance admin owns every one. */
function roleIn(actor: ActorContext, companyId: string): CompanyRole | null {
  if (actor.isInstanceAdmin) return 'owner'
  return actor.memberships.find((membership) => membership.companyId === companyId)?.role ?? null
}

/** Refuses a member whose role is too low; used after the row of an id-only route was found. */
export function requireRole(actor: ActorContext, companyId: string, least: CompanyRole | undefined): void {
  const role = roleIn(actor, companyId)
  if (least === undefined || (role !== null && roleReaches(role, least))) return
  throw new AppError('read_only_role', { detail: `This needs the role ${least} in the company.` })
}

/** The companies whose rows an id-only route may find for this actor; anything else is the same 404. */
export function visibleCompanies(actor: ActorContext): readonly string[] | 'all' {
  if (actor.isInstanceAdmin) return 'all'
  return actor.memberships.map((membership) => membership.companyId)
}

/** How an actor is named in audit rows: kind of principal and its id. */
export function principalOf({ actor, key }: Caller): { type: 'user' | 'agent' | 'service'; id: string } {
  if (actor.type === 'agent' && actor.agentId !== null) return { type: 'agent', id: actor.agentId }
  if (actor.type === 'board' && actor.userId !== null) return { type: 'user', id: actor.userId }
  return { type: 'service', id: key.caller }
}

/** Who stands behind a reveal: the opener of the run, or the service itself. */
export function openerOf(caller: Caller): OpenedBy {
  return (
    caller.actor.openedBy ?? {
      actorType: principalOf(caller).type,
      actorId: principalOf(caller).id,
      credentialKind: caller.actor.credential.kind,
      credentialId: caller.actor.credential.id
    }
  )
}
