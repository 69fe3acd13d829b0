import jwt from '@fastify/jwt'
import { isUuid } from '@paperclip/contracts'
import type { SecretValue, Server } from '@paperclip/server'

declare module '@fastify/jwt' {
  interface FastifyJWT {
    namespaces: 'current' | 'previous'
  }
}

/** What a run token says, in our words. */
export interface RunTokenClaims {
  runId: string
  agentId: string
  companyId: string
  tokenId: string
  expiresAtSeconds: number
}

/** Why a token was refused: its time is over, or anything else, which stays untold. */
export const TokenRefusal = { expired: 'expired', invalid: 'invalid' } as const
export type TokenRefusal = (typeof TokenRefusal)[keyof typeof TokenRefusal]

/** Makes and checks run tokens. Whether the run is open is the database's to say. */
export interface RunTokens {
  mint(claims: RunTokenClaims): string
  verify(token: string): RunTokenClaims | TokenRefusal
}

const issuer = 'paperclip'
const type = 'run+jwt'
const requiredClaims = ['iss', 'aud', 'sub', 'company_id', 'run_id', 'jti', 'iat', 'exp']
/** A token is some 430 characters; what is longer is not one of ours. */
const tokenCharsMax = 1_024
/** Verified tokens that are remembered: some 1 kB each. */
const memoEntriesMax = 8_192
/** The one header we write. No other spelling of it, no `kid`, no `crit` gets any further. */
const header = Buffer.from(JSON.stringify({ alg: 'HS256', typ: type })).toString('base64url')
/** RFC 7515 compact form; the last character of 32 bytes in base64url has two spare bits, which must be zero. */
const form = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/**
 * Adds run tokens to an app: HS256 (RFC 7519, RFC 8725: explicit type, issuer, audience, one algorithm).
 *
 * The audience names the instance, so a token of another one with the same secret is refused. `previous` verifies
 * only, for the time of a rotation.
 */
export async function addRunTokens(
  app: Server,
  {
    secret,
    previous,
    instanceId,
    nowMs
  }: { secret: SecretValue; previous: SecretValue | null; instanceId: string; nowMs: () => number }
): Promise<RunTokens> {
  const audience = `paperclip:runs:${instanceId}`
  const sign = {
    algorithm: 'HS256',
    header: { typ: type, alg: 'HS256' },
    iss: issuer,
    aud: audience
  } as const
  const verify = {
    algorithms: ['HS256' as const],
    checkTyp: type,
    allowedIss: issuer,
    allowedAud: audience,
    requiredClaims,
    cache: false,
    errorCacheTTL: -1,
    clockTolerance: 0
  }
  await app.register(jwt, { namespace: 'current', secret: secret.reveal(), sign, verify: { ...verify } })
  if (previous !== null)
    await app.register(jwt, { namespace: 'previous', secret: previous.reveal(), sign, verify: { ...verify } })
  const { jwt: signers } = app
  const verifiers = previous === null ? [signers.current] : [signers.current, signers.previous]
  const memo = createMemo()

  return {
    mint: (claims) =>
      signers.current.sign({
        sub: claims.agentId,
        company_id: claims.companyId,
        run_id: claims.runId,
        jti: claims.tokenId,
        exp: claims.expiresAtSeconds
      }),
    verify(token) {
      const known = memo.get(token)
      if (known !== undefined) return known.expiresAtSeconds * 1000 > nowMs() ? known : TokenRefusal.expired
      if (token.length > tokenCharsMax || !form.test(token) || !token.startsWith(`${header}.`))
        return TokenRefusal.invalid
      const claims = firstAccepted(verifiers, token)
      if (typeof claims === 'string') return claims
      if (claims.expiresAtSeconds * 1000 <= nowMs()) return TokenRefusal.expired
      memo.add(token, claims)
      return claims
    }
  }
}

interface Verifier {
  verify(token: string): unknown
}

function firstAccepted(verifiers: readonly Verifier[], token: string): RunTokenClaims | TokenRefusal {
  for (const verifier of verifiers) {
    try {
      return readClaims(verifier.verify(token)) ?? TokenRefusal.invalid
    } catch (error) {
      if ((error as { code?: unknown }).code === 'FAST_JWT_EXPIRED') return TokenRefusal.expired
    }
  }
  return TokenRefusal.invalid
}

/** The library checks values it was told of; forms, and an audience that is a list, are ours to refuse. */
function readClaims(payload: unknown): RunTokenClaims | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined
  const { sub, company_id, run_id, jti, aud, iss, iat, exp } = payload as Record<string, unknown>
  if (typeof aud !== 'string' || typeof iss !== 'string') return undefined
  if (!isUuid(sub) || !isUuid(company_id) || !isUuid(run_id) || !isUuid(jti)) return undefined
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return undefined
  return { agentId: sub, companyId: company_id, runId: run_id, tokenId: jti, expiresAtSeconds: Number(exp) }
}

/** Remembers tokens whose signature was checked, oldest forgotten first. Their time is checked again at each use. */
function createMemo(): {
  get(token: string): RunTokenClaims | undefined
  add(token: string, claims: RunTokenClaims): void
} {
  const entries = new Map<string, RunTokenClaims>()
  return {
    get: (token) => entries.get(token),
    add(token, claims) {
      const oldest = entries.size >= memoEntriesMax ? entries.keys().next().value : undefined
      if (oldest !== undefined) entries.delete(oldest)
      entries.set(token, Object.freeze(claims))
    }
  }
}
