import type { ProviderId, VaultConfig } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { SecretsDatabase, VersionTable } from '../database.js'
import type { ValuePlace, VaultRoute } from '../provider/provider.js'

/** Longer than all calls of a write together, so that whoever takes a write over has no rival at the provider. */
export const leaseSeconds = 60

/** A write whose outcome is not recorded yet, with all it takes to ask the provider for it. */
export interface PendingWrite extends ValuePlace {
  readonly key: string
  readonly provider: ProviderId
  readonly vault: VaultRoute | null
  /** The full name of the remote secret, or the name that it is being made under. */
  readonly externalRef: string
  readonly author: { readonly userId: string | null; readonly agentId: string | null }
}

/** A version that is about to be written. */
export interface NewPendingVersion {
  readonly place: ValuePlace
  readonly externalRef: string
  readonly providerConfigId: string | null
  readonly fingerprint: Buffer
  readonly author: { created_by_user_id: string | null; created_by_agent_id: string | null }
}

const leaseEnd = sql<Date>`now() + make_interval(secs => ${leaseSeconds})`

/** Announces a write. Violates `company_secret_versions_one_pending` while another one of the secret is under way. */
export async function insertPendingVersion(
  tx: Tx<SecretsDatabase>,
  { place, externalRef, providerConfigId, fingerprint, author }: NewPendingVersion
): Promise<void> {
  await tx
    .insertInto('company_secret_versions')
    .values({
      id: place.versionId,
      company_id: place.companyId,
      secret_id: place.secretId,
      version: null,
      status: 'pending',
      sealed: null,
      fingerprint,
      external_ref: externalRef,
      provider_config_id: providerConfigId,
      lease_until: leaseEnd,
      tagged: null,
      ...author
    })
    .execute()
}

/** The write of a secret that is under way, and whether whoever began it has given it up. */
export async function findPendingOf(
  db: Db<SecretsDatabase>,
  { companyId, secretId }: Pick<ValuePlace, 'companyId' | 'secretId'>
): Promise<{ versionId: string; isOverdue: boolean } | undefined> {
  return db
    .selectFrom('company_secret_versions')
    .select(['id as versionId', sql<boolean>`lease_until < now()`.as('isOverdue')])
    .where('company_id', '=', companyId)
    .where('secret_id', '=', secretId)
    .where('status', '=', 'pending')
    .executeTakeFirst()
}

/** The secret without a value yet that holds a name or key, with its write. */
export async function findUnfinishedSecret(
  db: Db<SecretsDatabase>,
  { companyId, name, key }: { companyId: string; name: string; key: string }
): Promise<{ versionId: string | null; isOverdue: boolean } | undefined> {
  const { rows } = await sql<{ versionId: string | null; isOverdue: boolean }>`
    select v.id as "versionId", coalesce(v.lease_until < now(), false) as "isOverdue"
    from company_secrets s
    left join company_secret_versions v on v.secret_id = s.id and v.status = 'pending'
    where s.company_id = ${companyId} and s.deleted_at is null and s.latest_version = 0
      and (s.name = ${name} or s.key = ${key})
    limit 1`.execute(db)
  return rows[0]
}

/** Ids of writes that were given up, the oldest first. */
export async function listOverdueWrites(db: Db<SecretsDatabase>, rowsMax: number): Promise<string[]> {
  const rows = await db
    .selectFrom('company_secret_versions')
    .select('id')
    .where('status', '=', 'pending')
    .where('lease_until', '<', sql<Date>`now()`)
    .orderBy('lease_until')
    .limit(rowsMax)
    .execute()
  return rows.map(({ id }) => id)
}

/** Takes over a write that was given up; undefined when it is not, or somebody else was first. */
export async function takeOverdueWrite(
  db: Db<SecretsDatabase>,
  versionId: string
): Promise<PendingWrite | undefined> {
  const { rows } = await sql<TakenRow>`
    update company_secret_versions v
    set lease_until = now() + make_interval(secs => ${leaseSeconds})
    from company_secrets s
    where v.id = ${versionId} and v.status = 'pending' and v.lease_until < now() and s.id = v.secret_id
    returning v.company_id, v.secret_id, v.external_ref, v.provider_config_id, v.created_by_user_id,
      v.created_by_agent_id, s.key, s.provider, (
        select c.config from company_secret_provider_configs c where c.id = v.provider_config_id
      ) as vault_config`.execute(db)
  const [row] = rows
  return row === undefined ? undefined : writeOf(versionId, row)
}

interface TakenRow {
  company_id: string
  secret_id: string
  external_ref: string
  provider_config_id: string | null
  created_by_user_id: string | null
  created_by_agent_id: string | null
  key: string
  provider: ProviderId
  vault_config: VaultConfig | null
}

function writeOf(versionId: string, row: TakenRow): PendingWrite {
  const { provider_config_id: id, vault_config: config } = row
  return {
    companyId: row.company_id,
    secretId: row.secret_id,
    versionId,
    key: row.key,
    provider: row.provider,
    vault: id === null || config === null ? null : { id, config },
    externalRef: row.external_ref,
    author: { userId: row.created_by_user_id, agentId: row.created_by_agent_id }
  }
}

/** Where a secret's values lie in one vault: the place of its newest version there. */
export async function findRemotePlace(
  db: Db<SecretsDatabase>,
  { companyId, secretId, vaultId }: { companyId: string; secretId: string; vaultId: string | null }
): Promise<string | null> {
  const row = await db
    .selectFrom('company_secret_versions')
    .select('external_ref')
    .where('company_id', '=', companyId)
    .where('secret_id', '=', secretId)
    .where('version', 'is not', null)
    .where('external_ref', 'is not', null)
    .where('provider_config_id', vaultId === null ? 'is' : '=', vaultId)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.external_ref ?? null
}

/** Every place where a secret has values, and the vault that led there, the newest first. */
export async function listRemotePlaces(
  db: Db<SecretsDatabase>,
  { companyId, secretId }: Pick<ValuePlace, 'companyId' | 'secretId'>
): Promise<{ readonly externalRef: string; readonly vault: VaultRoute | null }[]> {
  const { rows } = await sql<{ external_ref: string; id: string | null; config: VaultConfig | null }>`
    select v.external_ref, c.id, c.config from (
      select external_ref, provider_config_id, max(version) as newest from company_secret_versions
      where company_id = ${companyId} and secret_id = ${secretId} and version is not null
        and external_ref is not null
      group by external_ref, provider_config_id
    ) v left join company_secret_provider_configs c on c.id = v.provider_config_id
    order by v.newest desc`.execute(db)
  return rows.map(({ external_ref: externalRef, id, config }) => ({
    externalRef,
    vault: id === null || config === null ? null : { id, config }
  }))
}

/** Says whether a secret has a version with a number in a remote secret: whoever deletes it knows of that one. */
export async function hasVersionIn(
  tx: Tx<SecretsDatabase>,
  { companyId, secretId }: Pick<ValuePlace, 'companyId' | 'secretId'>,
  externalRef: string
): Promise<boolean> {
  const places = await listRemotePlaces(tx, { companyId, secretId })
  return places.some((place) => place.externalRef === externalRef)
}

/** A version as a writer finds it once the provider has answered. */
export type WrittenVersion = Pick<Selectable<VersionTable>, 'status' | 'version' | 'provider_config_id'>

/** Locks the version of a write, and tells what has become of it. */
export function lockWrite(
  tx: Tx<SecretsDatabase>,
  { companyId, versionId }: Pick<ValuePlace, 'companyId' | 'versionId'>
): Promise<WrittenVersion> {
  return tx
    .selectFrom('company_secret_versions')
    .select(['status', 'version', 'provider_config_id'])
    .where('company_id', '=', companyId)
    .where('id', '=', versionId)
    .forUpdate()
    .executeTakeFirstOrThrow()
}

/** Notes that a write goes on elsewhere than it was announced. */
export async function updateWritePlace(
  tx: Tx<SecretsDatabase>,
  { companyId, versionId }: Pick<ValuePlace, 'companyId' | 'versionId'>,
  externalRef: string
): Promise<void> {
  await tx
    .updateTable('company_secret_versions')
    .set({ external_ref: externalRef })
    .where('company_id', '=', companyId)
    .where('id', '=', versionId)
    .where('status', '=', 'pending')
    .execute()
}

/** Makes a pending version the current one, under its number; the former one must have been retired before. */
export async function confirmVersion(
  tx: Tx<SecretsDatabase>,
  { companyId, versionId }: Pick<ValuePlace, 'companyId' | 'versionId'>,
  { version, externalRef, tagged }: { version: number; externalRef: string; tagged: boolean | null }
): Promise<void> {
  await tx
    .updateTable('company_secret_versions')
    .set({
      version,
      status: 'current',
      external_ref: externalRef,
      provider_version_ref: versionId,
      lease_until: null,
      ...(tagged === null ? {} : { tagged })
    })
    .where('company_id', '=', companyId)
    .where('id', '=', versionId)
    .where('status', '=', 'pending')
    .execute()
}

/** Gives a pending version up for good: it never was. */
export async function failVersion(
  tx: Tx<SecretsDatabase>,
  { companyId, versionId }: Pick<ValuePlace, 'companyId' | 'versionId'>
): Promise<void> {
  await tx
    .updateTable('company_secret_versions')
    .set({ status: 'failed', fingerprint: null, lease_until: null })
    .where('company_id', '=', companyId)
    .where('id', '=', versionId)
    .where('status', '=', 'pending')
    .execute()
}
