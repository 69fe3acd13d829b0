import type { CompanyRole } from '@paperclip/contracts'
import { byteaArray } from '@paperclip/db'
import type { Pool } from 'pg'
import { queryNamed } from './agent-key-lookup-store.js'

/** What a person may do at the moment of asking. */
export interface PersonState {
  userId: string
  /** False when the user is gone, or never had a row, like the local operator. */
  userPresent: boolean
  isInstanceAdmin: boolean
  memberships: (readonly [companyId: string, role: CompanyRole])[]
}

/** A board key as it stands at the moment of asking, with the person whose rights it carries. */
export interface BoardKeyState extends PersonState {
  keyId: string
  keyHash: Buffer
  /** The only company it enters; null: every one of its user. */
  companyId: string | null
  /** It carries its user's administration. */
  instanceAdmin: boolean
  revoked: boolean
  expired: boolean
  /** `last_used_at` is null or a minute old. */
  touchDue: boolean
}

/** A session by its id and user, as Better Auth found them. */
export interface SessionClaim {
  sessionId: string
  userId: string
}

const personColumns = (userId: string) => `
      exists (
        select 1 from instance_user_roles r where r.user_id = ${userId} and r.role = 'instance_admin'
      ) as "isInstanceAdmin",
      coalesce((
        select json_agg(json_build_array(m.company_id, m.role)) from company_memberships m
        where m.principal_type = 'user' and m.principal_id = ${userId} and m.status = 'active'
      ), '[]') as memberships`

const lookUpKeys = {
  name: 'look_up_board_keys',
  text: `
    select q.n::int as n, k.id as "keyId", k.key_hash as "keyHash", k.company_id as "companyId",
      k.instance_admin as "instanceAdmin", k.revoked_at is not null as revoked,
      coalesce(k.expires_at <= now(), false) as expired,
      (k.last_used_at is null or k.last_used_at < now() - interval '60 seconds') as "touchDue",
      k.user_id as "userId", u.id is not null as "userPresent",${personColumns('k.user_id')}
    from unnest($1::bytea[]) with ordinality as q(hash, n)
    join board_api_keys k on k.key_hash = q.hash
    left join "authUsers" u on u.id = k.user_id`
}

// The lifetime stands here too: what slides a session is another program's code.
const lookUpSessions = {
  name: 'look_up_sessions',
  text: `
    select q.n::int as n, u.id as "userId", true as "userPresent",${personColumns('u.id')}
    from unnest($1::text[], $2::text[]) with ordinality as q(session_id, user_id, n)
    join "authSessions" s on s.id = q.session_id and s."userId" = q.user_id
      and s."expiresAt" > now() and s."createdAt" > now() - interval '12 hours'
    join "authUsers" u on u.id = s."userId"`
}

/** Reads the state of board keys by their hashes, in one statement; unknown ones are undefined. Index: `key_hash`. */
export async function findBoardKeyStates(
  pool: Pool,
  hashes: readonly Buffer[]
): Promise<(BoardKeyState | undefined)[]> {
  const rows = await queryNamed<BoardKeyState & { n: number }>(pool, lookUpKeys, [byteaArray(hashes)])
  return inOrder(rows, hashes.length)
}

/** Reads the people behind live sessions, in one statement; undefined where the session has ended. Index: primary key. */
export async function findSessionPeople(
  pool: Pool,
  claims: readonly SessionClaim[]
): Promise<(PersonState | undefined)[]> {
  const rows = await queryNamed<PersonState & { n: number }>(pool, lookUpSessions, [
    claims.map((claim) => claim.sessionId),
    claims.map((claim) => claim.userId)
  ])
  return inOrder(rows, claims.length)
}

function inOrder<T extends { n: number }>(rows: readonly T[], count: number): (T | undefined)[] {
  const found = new Array<T | undefined>(count)
  for (const row of rows) found[row.n - 1] = row
  return found
}
