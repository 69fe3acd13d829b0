import { newId, type ProviderId } from '@paperclip/contracts'
import { type Db, type Tx, textArray, uuidArray } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../database.js'

/** A remote secret that shall go, and the secret of ours that it was made for. */
export interface RemoteDeletion {
  readonly companyId: string
  readonly secretId: string
  readonly provider: ProviderId
  /** The provider's own full name: nothing is ever deleted by a name that may come to mean another secret. */
  readonly externalRef: string
  /** The name in it, which stays taken until the provider has forgotten the secret. */
  readonly remoteName: string
}

/**
 * Notes that a remote secret shall be deleted; gives the id of the row, which may be there already. The worker does
 * it after the commit. Undefined: nothing was noted, since a live secret of the same key has taken it over meanwhile.
 */
export async function enqueueRemoteDeletion(
  tx: Tx<SecretsDatabase>,
  { companyId, ...deletion }: RemoteDeletion
): Promise<string | undefined> {
  const [id] = await insertRemoteDeletions(tx, companyId, { deletions: [deletion], graceSeconds: 0 })
  return id
}

/**
 * As {@link enqueueRemoteDeletion} for many of one company, leaving out what was not noted. For `graceSeconds` the
 * rows are left to whoever made them: only {@link claimFirstAttempt} takes them. The unique index
 * `remote_deletions_one_open` makes a second row of one remote secret the first.
 */
export async function insertRemoteDeletions(
  tx: Tx<SecretsDatabase>,
  companyId: string,
  {
    deletions,
    graceSeconds
  }: { deletions: readonly Omit<RemoteDeletion, 'companyId'>[]; graceSeconds: number }
): Promise<string[]> {
  if (deletions.length === 0) return []
  // Who has taken it over has the same key, since the remote name is made of it: found by company_secrets_key_taken.
  const { rows } = await sql<{ id: string }>`
    insert into remote_deletions (id, company_id, secret_id, provider, external_ref, remote_name, next_attempt_at)
    select distinct on (n.external_ref) n.id, ${companyId}, n.secret_id, n.provider, n.external_ref, n.remote_name,
      now() + make_interval(secs => ${graceSeconds})
    from unnest(
      ${uuidArray(deletions.map(() => newId()))}::uuid[],
      ${uuidArray(deletions.map(({ secretId }) => secretId))}::uuid[],
      ${textArray(deletions.map(({ provider }) => provider))}::text[],
      ${textArray(deletions.map(({ externalRef }) => externalRef))}::text[],
      ${textArray(deletions.map(({ remoteName }) => remoteName))}::text[]
    ) as n (id, secret_id, provider, external_ref, remote_name)
    where not exists (
      select from company_secrets gone
      join company_secrets live on live.company_id = gone.company_id and live.key = gone.key
        and live.deleted_at is null and live.id <> gone.id and live.managed_mode = 'paperclip_managed'
      join company_secret_versions v on v.secret_id = live.id and v.status <> 'failed'
      where gone.id = n.secret_id and v.external_ref = n.external_ref
    )
    order by n.external_ref, n.id
    on conflict (external_ref) where done_at is null do update set external_ref = excluded.external_ref
    returning id`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Where a secret of ours has values. */
export interface RemoteSecretRow {
  readonly secretId: string
  readonly provider: ProviderId
  readonly externalRef: string
  /** False: so far only a write under way says so, and it may be a name that is not taken yet. */
  readonly isWritten: boolean
  /** Whether every vault that leads there is disabled. */
  readonly isLeftAlone: boolean
}

/**
 * Every remote secret of some managed secrets, under their locks: one that was rotated into another vault has
 * several. Served by the unique index on secret and version.
 */
export async function listRemoteSecrets(
  tx: Tx<SecretsDatabase>,
  { companyId, secretIds }: { companyId: string; secretIds: readonly string[] }
): Promise<RemoteSecretRow[]> {
  const { rows } = await sql<RemoteSecretRow>`
    select s.id as "secretId", s.provider, v.external_ref as "externalRef",
      bool_or(v.version is not null) as "isWritten",
      bool_and(vault.status is not distinct from 'disabled') as "isLeftAlone"
    from company_secrets s
    join company_secret_versions v on v.company_id = s.company_id and v.secret_id = s.id
    left join company_secret_provider_configs vault on vault.id = v.provider_config_id
    where s.company_id = ${companyId} and s.id = any(${uuidArray(secretIds)}::uuid[])
      and s.managed_mode = 'paperclip_managed' and s.provider <> 'local_encrypted'
      and v.external_ref is not null and v.status <> 'failed'
    group by s.id, s.provider, v.external_ref
    order by s.id, v.external_ref`.execute(tx)
  return rows
}

/** A row that is being attempted by whoever holds this. */
export interface ClaimedDeletion {
  readonly id: string
  readonly secretId: string
  readonly provider: ProviderId
  readonly externalRef: string
  /** This one included. It names the claim: a later one has another. */
  readonly attempts: number
}

const claimedColumns = sql`id, secret_id as "secretId", provider, external_ref as "externalRef", attempts`

/**
 * Takes the row that is due longest, for `leaseSeconds` by the database's clock: no other process takes it before.
 * Served by `remote_deletions_due`.
 */
export async function claimDue(
  db: Db<SecretsDatabase>,
  { leaseSeconds }: { leaseSeconds: number }
): Promise<ClaimedDeletion | undefined> {
  const { rows } = await sql<ClaimedDeletion>`
    update remote_deletions
    set attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => ${leaseSeconds})
    where id = (
      select id from remote_deletions where done_at is null and next_attempt_at <= now()
      order by next_attempt_at limit 1 for update skip locked
    )
    returning ${claimedColumns}`.execute(db)
  return rows[0]
}

/**
 * Takes one of some rows that nobody has attempted yet, due or not, but for those that are held back; otherwise as
 * {@link claimDue}.
 */
export async function claimFirstAttempt(
  db: Db<SecretsDatabase>,
  { ids, leaseSeconds }: { ids: readonly string[]; leaseSeconds: number }
): Promise<ClaimedDeletion | undefined> {
  const { rows } = await sql<ClaimedDeletion>`
    update remote_deletions
    set attempts = 1, next_attempt_at = now() + make_interval(secs => ${leaseSeconds})
    where id = (
      select id from remote_deletions
      where id = any(${uuidArray(ids)}::uuid[]) and done_at is null and attempts = 0
        and next_attempt_at < 'infinity'
      order by id limit 1 for update skip locked
    )
    returning ${claimedColumns}`.execute(db)
  return rows[0]
}

/** Notes that a remote secret is gone, or will be on a date if the provider told one. */
export async function markDone(
  db: Db<SecretsDatabase>,
  id: string,
  deletionDate: Date | null
): Promise<void> {
  await sql`
    update remote_deletions set done_at = now(), deletion_date = ${deletionDate}, last_code = null
    where id = ${id} and done_at is null`.execute(db)
}

/** Notes why an attempt failed and when the next one is due, unless somebody else has begun it. */
export async function markFailed(
  db: Db<SecretsDatabase>,
  { id, attempts }: Pick<ClaimedDeletion, 'id' | 'attempts'>,
  { code, retryInSeconds }: { code: string; retryInSeconds: number }
): Promise<void> {
  await sql`
    update remote_deletions
    set last_code = ${code}, next_attempt_at = now() + make_interval(secs => ${retryInSeconds})
    where id = ${id} and attempts = ${attempts} and done_at is null`.execute(db)
}

/** Deletions that take longer than they should. */
export interface OverdueDeletions {
  readonly count: number
  readonly oldestSeconds: number
  /** Why the last attempt at the oldest one failed. */
  readonly code: string | null
}

/** Looks for open rows older than `olderThanSeconds`, of one company or, for null, all; undefined when there are none. */
export async function findOverdue(
  db: Db<SecretsDatabase>,
  { olderThanSeconds, companyId }: { olderThanSeconds: number; companyId: string | null }
): Promise<OverdueDeletions | undefined> {
  const { rows } = await sql<OverdueDeletions>`
    select count(*) over () as count, last_code as code,
      extract(epoch from now() - created_at)::float8 as "oldestSeconds"
    from remote_deletions
    where done_at is null and created_at < now() - make_interval(secs => ${olderThanSeconds})
      and (${companyId}::uuid is null or company_id = ${companyId})
    order by created_at limit 1`.execute(db)
  return rows[0]
}

/** A name that a deleted secret still holds at its provider. */
export interface RemoteReservation {
  readonly id: string
  readonly secretId: string
  readonly provider: ProviderId
  readonly externalRef: string
  /** When the provider forgets it; null while it is not known. */
  readonly deletionDate: Date | null
  /** False: the outbox still tries to delete it, so it must not be restored meanwhile. */
  readonly isDone: boolean
}

/**
 * Finds the newest deletion of a remote name in a company. The same name may exist in several regions: `isThere`
 * says whether a full name belongs to the place that is meant. Served by `remote_deletions_of_name`.
 */
export async function findReservation(
  db: Db<SecretsDatabase>,
  {
    companyId,
    remoteName,
    isThere = () => true
  }: { companyId: string; remoteName: string; isThere?: (externalRef: string) => boolean }
): Promise<RemoteReservation | undefined> {
  const { rows } = await sql<RemoteReservation>`
    select id, "secretId", provider, "externalRef", "deletionDate", "isDone" from (
      select distinct on (external_ref) id, secret_id as "secretId", provider, external_ref as "externalRef",
        deletion_date as "deletionDate", done_at is not null as "isDone"
      from remote_deletions where company_id = ${companyId} and remote_name = ${remoteName}
      order by external_ref, id desc
    ) newest order by id desc`.execute(db)
  return rows.find(({ externalRef }) => isThere(externalRef))
}
