import { type CompanyRole, isUuid, type RouteAuth, roleReaches } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { Actor, BoardActor } from './actor.js'

/**
 * Decides whether an actor may call a route, from the contract alone: kind, credential, instance admin, company,
 * role.
 *
 * Runs before the body is read. `params` are those of the path; whether the company among them exists is asked only
 * after this, and only for those who may enter any.
 */
export function authorize(
  actor: Actor,
  auth: RouteAuth,
  params: Readonly<Record<string, string | undefined>>
): void {
  const { companyId } = params
  if (!auth.actors.includes(actor.kind))
    throw new AppError(actor.kind === 'anon' ? 'unauthenticated' : 'forbidden')
  if (actor.kind === 'board') requireBoardRights(actor, auth, params)
  else if (auth.instanceAdmin) throw new AppError('forbidden')
  if (companyId === undefined) return
  if (!isUuid(companyId)) throw new AppError('not_found')
  requireCompany(actor, companyId, auth.role)
}

function requireBoardRights(
  actor: BoardActor,
  { credentials, instanceAdmin, selfParam }: RouteAuth,
  params: Readonly<Record<string, string | undefined>>
): void {
  if (credentials !== undefined && !credentials.includes(actor.credentialKind))
    throw new AppError('forbidden', { detail: `This needs another credential: ${credentials.join(' or ')}.` })
  if (instanceAdmin === undefined || actor.isInstanceAdmin) return
  // A key made for one company acts there only, also on its own user.
  const mayBeSelf = instanceAdmin === 'or_self' && actor.onlyCompanyId === null
  if (!mayBeSelf || selfParam === undefined || params[selfParam] !== actor.userId)
    throw new AppError('forbidden')
}

/** Refuses an actor who may not enter a company, whether or not that exists, or whose role is too low there. */
function requireCompany(actor: Actor, companyId: string, least: CompanyRole | undefined): void {
  if (actor.kind === 'anon') throw new AppError('unauthenticated')
  if (actor.kind !== 'board') {
    if (actor.companyId !== companyId) throw new AppError('company_forbidden')
    return
  }
  const role = roleIn(actor, companyId)
  if (role === undefined) throw new AppError('company_forbidden')
  if (least !== undefined && !roleReaches(role, least)) throw readOnly()
}

/**
 * Decides on a row that was found by its id alone: to those who may not enter its company it does not exist.
 * Call it with what the look-up gave, found or not, so that both cases take the same way.
 */
export function requireRow<T extends { companyId: string }>(
  actor: Actor,
  row: T | undefined,
  least: CompanyRole
): T {
  const role = row === undefined || actor.kind !== 'board' ? undefined : roleIn(actor, row.companyId)
  if (row === undefined || role === undefined) throw new AppError('not_found')
  if (!roleReaches(role, least)) throw readOnly()
  return row
}

/** Says whether a person may enter a company; of instance admins also when there is none. */
export function mayEnter(actor: BoardActor, companyId: string): boolean {
  return roleIn(actor, companyId) !== undefined
}

/** Gives the person behind a request, on routes that admit nobody else. */
export function requireBoard(actor: Actor): BoardActor {
  if (actor.kind !== 'board') throw new AppError(actor.kind === 'anon' ? 'unauthenticated' : 'forbidden')
  return actor
}

/**
 * Refuses whoever may not give a role in a company, or take it: owners are made, changed and removed by owners alone.
 * For actors that the route has let in as an admin of the company.
 */
export function requireGrantable(actor: Actor, companyId: string, role: CompanyRole): void {
  if (role === 'owner' && roleIn(requireBoard(actor), companyId) !== 'owner')
    throw new AppError('owner_required', { detail: 'Ask an owner of the company to do this.' })
}

function roleIn(actor: BoardActor, companyId: string): CompanyRole | undefined {
  return actor.isInstanceAdmin ? 'owner' : actor.memberships.get(companyId)
}

function readOnly(): AppError {
  return new AppError('read_only_role', { detail: 'Your role in this company does not allow this.' })
}
