import { isUniqueViolation } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { duringCall } from './auth-call.js'
import { addressHeader, authBasePath, type BetterAuth, cookieHeader } from './better-auth.js'
import type { SessionCookie } from './session-cookie.js'

/** What Better Auth is told of the request behind a call. */
export interface Caller {
  address: string
  userAgent: string
  /** The signed value of the session cookie. */
  cookie: string | undefined
  origin: string | undefined
  origins: ReadonlySet<string>
}

/** A session that was begun: what to give the browser, and the token by which its row is found. */
export interface Begun {
  cookieValue: string
  token: string
}

/** The routes of Better Auth that begin sessions, with its answers in our words. */
export interface AuthEngine {
  /** Throws `email_taken`, `invalid_request`, and whatever the database threw. */
  signUp(
    body: { name: string; email: string; password: string },
    caller: Caller,
    passwordHash: string
  ): Promise<Begun>
  /** Throws `unauthenticated`, the same for an unknown e-mail and a wrong password. */
  signIn(body: { email: string; password: string }, caller: Caller): Promise<Begun>
  /** Ends every session of the user and begins a new one. Throws `forbidden` when the current password is wrong. */
  changePassword(body: { currentPassword: string; newPassword: string }, caller: Caller): Promise<Begun>
  /** Null for a cookie that is not that of a live session. */
  findSession(cookieValue: string): Promise<{ sessionId: string; userId: string } | null>
}

interface EngineDeps {
  auth: BetterAuth
  baseUrl: string
  cookie: SessionCookie
}

const noOrigins: ReadonlySet<string> = new Set()

/** Puts Better Auth behind {@link AuthEngine}. */
export function createAuthEngine(deps: EngineDeps): AuthEngine {
  const { auth } = deps
  return {
    signUp: (body, caller, passwordHash) =>
      begin(deps, { path: '/sign-up/email', body, caller, passwordHash }),
    signIn: (body, caller) => begin(deps, { path: '/sign-in/email', body, caller, passwordHash: null }),
    changePassword: (body, caller) =>
      begin(deps, {
        path: '/change-password',
        body: { ...body, revokeOtherSessions: true },
        caller,
        passwordHash: null
      }),
    async findSession(cookieValue) {
      const call = { origins: noOrigins, passwordHash: null, failure: undefined }
      return await duringCall(call, async () => {
        try {
          return await auth.findSession(cookieValue)
        } catch (error) {
          // It was ended between being found and being prolonged.
          if ((error as { statusCode?: unknown }).statusCode === 401) return null
          throw call.failure ?? error
        }
      })
    }
  }
}

interface BeginInput {
  path: string
  body: object
  caller: Caller
  passwordHash: string | null
}

async function begin(deps: EngineDeps, input: BeginInput): Promise<Begun> {
  const call = { origins: input.caller.origins, passwordHash: input.passwordHash, failure: undefined }
  const response = await duringCall(call, () => deps.auth.handle(requestOf(deps, input)))
  const body = (await response.json()) as { token?: string; code?: string }
  if (!response.ok) throw refusalOf(response, { code: body.code ?? '', failure: call.failure })
  const cookieValue = newCookieValue(deps.cookie, response)
  if (body.token === undefined || cookieValue === undefined)
    throw new AppError('internal_error', { context: { path: input.path, begun: false } })
  return { cookieValue, token: body.token }
}

/** Only what Better Auth needs of a request; what else came stays outside. */
function requestOf({ baseUrl, cookie }: EngineDeps, { path, body, caller }: BeginInput): Request {
  const headers = new Headers({
    'content-type': 'application/json',
    'user-agent': caller.userAgent,
    [addressHeader]: caller.address,
    // The browser rule has been kept; callers without an Origin come as our own page.
    origin: caller.origin ?? new URL(baseUrl).origin
  })
  if (caller.cookie !== undefined) headers.set('cookie', cookieHeader(cookie, caller.cookie))
  return new Request(new URL(authBasePath + path, baseUrl), {
    method: 'POST',
    headers,
    body: JSON.stringify(body)
  })
}

function newCookieValue(cookie: SessionCookie, { headers }: Response): string | undefined {
  const header = headers.getSetCookie().find((text) => text.startsWith(`${cookie.name}=`))
  return cookie.read(header?.split(';', 1)[0])
}

function refusalOf(response: Response, { code, failure }: { code: string; failure: unknown }): unknown {
  if (response.status === 429)
    return new AppError('rate_limited', {
      retryAfterSeconds: Number(response.headers.get('x-retry-after') ?? 1)
    })
  switch (code) {
    case 'INVALID_EMAIL_OR_PASSWORD':
      return new AppError('unauthenticated', { detail: 'The e-mail or the password is wrong.' })
    case 'INVALID_PASSWORD':
      return new AppError('forbidden', { detail: 'The current password is wrong.' })
    case 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL':
      return new AppError('email_taken', { detail: 'There is a user with this e-mail. Sign in instead.' })
    case 'INVALID_EMAIL':
    case 'VALIDATION_ERROR':
      return refusedMember('/email', 'must be an e-mail address')
    case 'PASSWORD_TOO_SHORT':
    case 'PASSWORD_TOO_LONG':
      return refusedMember('/password', 'has too few or too many characters')
    case 'UNAUTHORIZED':
      return new AppError('unauthenticated')
  }
  if (code === 'FAILED_TO_CREATE_USER' && isUniqueViolation(failure))
    return new AppError('email_taken', { detail: 'There is a user with this e-mail. Sign in instead.' })
  if (response.status === 403) return new AppError('untrusted_origin')
  return failure ?? new AppError('internal_error', { context: { status: response.status, refusal: code } })
}

function refusedMember(pointer: string, message: string): AppError {
  return new AppError('invalid_request', {
    detail: `Body member "${pointer}" ${message}.`,
    errors: [{ pointer, message }]
  })
}
