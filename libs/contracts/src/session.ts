import { type Static, Type } from 'typebox'
import { UserId } from './actor.js'
import { Ok, ShortName, Time, UrlToken } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import type { ProblemCode } from './problem.js'
import { defineRoute, type RouteAuth } from './route.js'

const Email = Type.String({ minLength: 3, maxLength: 254, format: 'email' })
/** One that is chosen now. */
const NewPassword = Type.String({ minLength: limits.passwordCharsMin, maxLength: limits.passwordCharsMax })
/** One that is given as proof: too short is simply wrong. */
const Password = Type.String({ minLength: 1, maxLength: limits.passwordCharsMax })

export const SignUp = Type.Object(
  { name: ShortName, email: Email, password: NewPassword, inviteToken: Type.Optional(UrlToken) },
  { additionalProperties: false }
)
export type SignUp = Static<typeof SignUp>

export const SignIn = Type.Object({ email: Email, password: Password }, { additionalProperties: false })
export type SignIn = Static<typeof SignIn>

export const ChangePassword = Type.Object(
  { currentPassword: Password, newPassword: NewPassword },
  { additionalProperties: false }
)
export type ChangePassword = Static<typeof ChangePassword>

/** Who is signed in, and by which session. The session's token is in the cookie and nowhere else. */
export const SignedIn = Type.Object(
  {
    user: Type.Object(
      { id: UserId, name: Type.String({ maxLength: 200 }), email: Type.String({ maxLength: 320 }) },
      { additionalProperties: false }
    ),
    session: Type.Object({ id: Uuid, createdAt: Time, expiresAt: Time }, { additionalProperties: false })
  },
  { additionalProperties: false }
)
export type SignedIn = Static<typeof SignedIn>

/** One of the caller's sessions; `current` is the one that asks. */
export const SessionView = Type.Object(
  {
    id: Uuid,
    current: Type.Boolean(),
    createdAt: Time,
    expiresAt: Time,
    ipAddress: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
    userAgent: Type.Union([Type.String({ maxLength: limits.userAgentCharsMax }), Type.Null()])
  },
  { additionalProperties: false }
)
export type SessionView = Static<typeof SessionView>

/** Strangers and those who are signed in already; a bearer is somebody else. */
const anyone: RouteAuth = { actors: ['anon', 'board'], credentials: ['session'] }
const signedInOnly: RouteAuth = { actors: ['board'], credentials: ['session'] }
const common = { bodyBytesMax: limits.signInBodyBytesMax, noStore: true } as const
const guarded: readonly ProblemCode[] = ['untrusted_origin', 'rate_limited']

export const signUp = defineRoute({
  ...common,
  operationId: 'signUp',
  summary: 'Makes a user and signs them in. Needs an invite once the instance has been claimed.',
  method: 'POST',
  path: '/auth/sign-up/email',
  auth: anyone,
  limit: 'signUp',
  schema: { body: SignUp, response: { 200: SignedIn } },
  problems: [...guarded, 'invite_required', 'email_taken']
})

export const signIn = defineRoute({
  ...common,
  operationId: 'signIn',
  summary: 'Begins a session, and ends the one whose cookie came along.',
  method: 'POST',
  path: '/auth/sign-in/email',
  auth: anyone,
  limit: 'signIn',
  schema: { body: SignIn, response: { 200: SignedIn } },
  problems: [...guarded, 'unauthenticated']
})

export const signOut = defineRoute({
  ...common,
  operationId: 'signOut',
  summary: 'Ends the session of the cookie. Without one it does nothing.',
  method: 'POST',
  path: '/auth/sign-out',
  auth: anyone,
  schema: { response: { 200: Ok } },
  problems: ['untrusted_origin']
})

export const getSession = defineRoute({
  ...common,
  operationId: 'getSession',
  summary: 'Says who is signed in; null when nobody is.',
  method: 'GET',
  path: '/auth/get-session',
  auth: anyone,
  schema: { response: { 200: Type.Union([SignedIn, Type.Null()]) } }
})

export const changePassword = defineRoute({
  ...common,
  operationId: 'changePassword',
  summary: "Changes the caller's password, renews this session and ends all others.",
  method: 'POST',
  path: '/auth/change-password',
  auth: signedInOnly,
  schema: { body: ChangePassword, response: { 200: SignedIn } },
  problems: [...guarded, 'forbidden']
})

export const listSessions = defineRoute({
  ...common,
  operationId: 'listSessions',
  summary: "Lists the caller's own live sessions, newest first.",
  method: 'GET',
  path: '/auth/list-sessions',
  auth: signedInOnly,
  schema: { response: { 200: Type.Array(SessionView, { maxItems: limits.sessionsListedMax }) } }
})

export const revokeSession = defineRoute({
  ...common,
  operationId: 'revokeSession',
  summary: "Ends one of the caller's own sessions, by its id.",
  method: 'POST',
  path: '/auth/revoke-session',
  auth: signedInOnly,
  schema: {
    body: Type.Object({ id: Uuid }, { additionalProperties: false }),
    response: { 200: Ok }
  },
  problems: ['not_found', 'untrusted_origin']
})

export const revokeSessions = defineRoute({
  ...common,
  operationId: 'revokeSessions',
  summary: "Ends all of the caller's own sessions, this one too.",
  method: 'POST',
  path: '/auth/revoke-sessions',
  auth: signedInOnly,
  schema: { response: { 200: Ok } },
  problems: ['untrusted_origin']
})

export const revokeOtherSessions = defineRoute({
  ...common,
  operationId: 'revokeOtherSessions',
  summary: "Ends all of the caller's own sessions but this one.",
  method: 'POST',
  path: '/auth/revoke-other-sessions',
  auth: signedInOnly,
  schema: { response: { 200: Ok } },
  problems: ['untrusted_origin']
})
