import {
  type ChangePassword,
  limits,
  type SessionView,
  type SignedIn,
  type SignIn,
  type SignUp
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { hashPassword } from 'better-auth/crypto'
import type { Actor } from '../auth/actor.js'
import type { SessionReader } from '../auth/authenticate.js'
import { hasInstanceAdmin } from '../board-claim/board-claim-store.js'
import type { GatewayDatabase } from '../database.js'
import { findInvite } from '../invite/invite-store.js'
import type { AccountLimit } from '../limit/account-limit.js'
import type { HashGate } from '../limit/hash-gate.js'
import { hashToken } from '../opaque-token.js'
import type { Mutate } from '../outbox/mutation.js'
import { cleanName } from '../text.js'
import type { AuthEngine, Begun, Caller } from './auth-engine.js'
import type { SessionCookie } from './session-cookie.js'
import {
  actAs,
  deleteSession,
  deleteSessionsOf,
  findEmail,
  findSignedIn,
  findSignedInByToken,
  listSessionsOf,
  type SignedInRow
} from './session-store.js'

/** A session that was begun, and the value of its cookie. */
export interface BegunSession {
  cookieValue: string
  view: SignedIn
}

/** Sessions of people. Each function that ends one has ended it, for every gateway, when it resolves. */
export interface SessionService {
  readonly cookie: SessionCookie
  /** Reads whose session a request brings. Asks nobody when it has no cookie of ours. */
  read: SessionReader
  /** Throws `invite_required`, `email_taken`, `rate_limited`. */
  signUp(input: SignUp, actor: Actor, caller: Caller): Promise<BegunSession>
  /** Ends the session that the caller came with. Throws `unauthenticated`, `rate_limited`. */
  signIn(input: SignIn, actor: Actor, caller: Caller): Promise<BegunSession>
  /** Ends every session of the user and begins a new one. Throws `forbidden`, `rate_limited`. */
  changePassword(input: ChangePassword, actor: Actor, caller: Caller): Promise<BegunSession>
  describe(actor: Actor): Promise<SignedIn | null>
  list(actor: Actor): Promise<SessionView[]>
  /** Ends the caller's own session; without one it does nothing. */
  signOut(actor: Actor): Promise<void>
  /** Ends one of the caller's sessions. Throws `not_found`. */
  revoke(actor: Actor, sessionId: string): Promise<void>
  revokeAll(actor: Actor, options: { keepCurrent: boolean }): Promise<void>
}

interface SessionServiceDeps {
  db: Db<GatewayDatabase>
  mutate: Mutate
  /** Gets delivered what Better Auth's own transactions left in the outbox. */
  relay: { kick: () => void }
  engine: AuthEngine
  cookie: SessionCookie
  accountLimit: AccountLimit
  hashGate: HashGate
  /**
   * Lets in as many as may hash or wait for it, and refuses the others before they cost anything: who is signed in
   * already shares the database with them.
   */
  admission: HashGate
}

/** Makes the service. */
export function createSessionService(deps: SessionServiceDeps): SessionService {
  const { db, mutate, engine, cookie, accountLimit, hashGate, admission } = deps

  async function begun({ cookieValue, token }: Begun): Promise<BegunSession> {
    deps.relay.kick()
    const row = await findSignedInByToken(db, token)
    if (row === undefined) throw new AppError('unauthenticated', { detail: 'The session has ended already.' })
    return { cookieValue, view: toSignedIn(row) }
  }

  /** Whoever planted a session before a sign-in must not share what comes after it. */
  async function endPresented(actor: Actor): Promise<void> {
    const session = sessionOf(actor)
    if (session !== null) await end(session)
  }

  const end = (session: Session) =>
    mutate(async (tx) => {
      await actAs(tx, session.userId)
      return await deleteSession(tx, session)
    })

  return {
    cookie,
    async read({ cookie: header }) {
      const value = cookie.read(header)
      return value === undefined ? null : await engine.findSession(value)
    },
    signUp: ({ name, email, password, inviteToken }, actor, caller) =>
      admission.run(async () => {
        const body = { name: cleanName(name, '/name'), email, password }
        await requireOpenSignUp(db, inviteToken)
        await accountLimit.take({ email, address: caller.address })
        const passwordHash = await hashGate.run(() => hashPassword(password))
        const session = await engine.signUp(body, caller, passwordHash)
        await endPresented(actor)
        return await begun(session)
      }),
    signIn: (input, actor, caller) =>
      admission.run(async () => {
        await accountLimit.take({ email: input.email, address: caller.address })
        const session = await engine.signIn(input, caller)
        await endPresented(actor)
        return await begun(session)
      }),
    changePassword: (input, actor, caller) =>
      admission.run(async () => {
        const { userId } = requireSession(actor)
        const email = await findEmail(db, userId)
        if (email === undefined) throw new AppError('unauthenticated')
        await accountLimit.take({ email, address: caller.address })
        return await begun(await engine.changePassword(input, caller))
      }),
    async describe(actor) {
      const session = sessionOf(actor)
      const row = session && (await findSignedIn(db, session.sessionId))
      return row ? toSignedIn(row) : null
    },
    async list(actor) {
      const { userId, sessionId } = requireSession(actor)
      const rows = await listSessionsOf(db, { userId, rowsMax: limits.sessionsListedMax })
      return rows.map(({ userId: _, createdAt, expiresAt, ...row }) => ({
        ...row,
        current: row.id === sessionId,
        createdAt: createdAt.toISOString(),
        expiresAt: expiresAt.toISOString()
      }))
    },
    signOut: endPresented,
    async revoke(actor, sessionId) {
      const { userId } = requireSession(actor)
      if (!(await end({ sessionId, userId }))) throw new AppError('not_found')
    },
    async revokeAll(actor, { keepCurrent }) {
      const { userId, sessionId } = requireSession(actor)
      await mutate(async (tx) => {
        await actAs(tx, userId)
        await deleteSessionsOf(tx, { userId, exceptSessionId: keepCurrent ? sessionId : null })
      })
    }
  }
}

interface Session {
  sessionId: string
  userId: string
}

/** The session behind an actor; null for anybody who came without one. */
function sessionOf(actor: Actor): Session | null {
  if (actor.kind !== 'board' || actor.credentialKind !== 'session' || actor.credentialId === null) return null
  return { sessionId: actor.credentialId, userId: actor.userId }
}

function requireSession(actor: Actor): Session {
  const session = sessionOf(actor)
  if (session === null) throw new AppError('unauthenticated')
  return session
}

/** It only looks: an invite is used up by accepting it, in one statement there. */
async function requireOpenSignUp(db: Db<GatewayDatabase>, inviteToken: string | undefined): Promise<void> {
  if (!(await hasInstanceAdmin(db))) return
  const invite =
    inviteToken === undefined
      ? undefined
      : await findInvite(db, hashToken(inviteToken), { localOperatorRules: false })
  if (!invite?.isOpen)
    throw new AppError('invite_required', {
      detail: 'Ask an admin of your company for an invite that is open.'
    })
}

function toSignedIn({ sessionId, userId, name, email, createdAt, expiresAt }: SignedInRow): SignedIn {
  return {
    user: { id: userId, name, email },
    session: { id: sessionId, createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString() }
  }
}
