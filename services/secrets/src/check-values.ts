/**
 * One-shot: opens every stored value with the configured master keys and says how many did, without showing, writing or
 * recording anything; with `--json` as {@link ValueCheck}, its faults flat. For a restore drill, and before a former key
 * is thrown away. Exit 1 when one does not open.
 */
import { fileURLToPath } from 'node:url'
import { connect, expectSchemaVersion, SchemaVersionError } from '@paperclip/db'
import { ConfigError } from '@paperclip/server'
import { loadConfig } from './config.js'
import { MasterKeyError } from './crypto/crypto-error.js'
import type { SecretsDatabase } from './database.js'
import { createCompanyKeyring } from './keyring/company-keyring.js'
import { configuredKeys } from './keyring/configured-keys.js'
import { listMasterKeys, listMasterKeysInUse } from './keyring/keyring-store.js'
import { MissingMasterKeyError, matchKeys, missingKeyError } from './keyring/match-master-keys.js'
import { checkValues, type ValueCheck } from './value-check/value-check.js'

const migrations = fileURLToPath(new URL('../../migrations', import.meta.url))

/** A page is small; the count of remote versions reads the whole table. */
const limits = {
  poolMax: 1,
  statementTimeoutMs: 60_000,
  lockTimeoutMs: 2_000,
  idleInTransactionTimeoutMs: 10_000,
  connectionTimeoutMs: 10_000,
  queryTimeoutMs: 61_000
}
/** Whoever asks has a database. */
const schemaWaitMsMax = 2_000

async function run(): Promise<ValueCheck> {
  const { config, secrets } = loadConfig(process.env)
  const configured = configuredKeys(config, secrets)
  const { db, close } = connect<SecretsDatabase>({
    ...limits,
    url: secrets.databaseUrl.reveal(),
    schema: 'secrets',
    applicationName: 'paperclip-check-values',
    settings: { default_transaction_read_only: 'on' },
    onError: () => undefined
  })
  try {
    await expectSchemaVersion(db, { schema: 'secrets', folder: migrations, waitMsMax: schemaWaitMsMax })
    const known = await listMasterKeys(db)
    const { keks } = await matchKeys(known, configured)
    const missing = (await listMasterKeysInUse(db)).filter((id) => !keks.has(id))
    if (missing.length > 0) throw await missingKeyError(missing, known, configured)
    return await checkValues(db, createCompanyKeyring(db, { find: (id) => keks.get(id) }))
  } finally {
    await close()
  }
}

function describe({ versions, environments, shredded, remote, failed }: ValueCheck): string {
  const others: [what: string, count: number][] = [
    ['that do not open', failed],
    ['of deleted companies, which nothing opens', shredded],
    ['at a provider, which was not asked', remote]
  ]
  const parts = [`stored values that open: ${versions} of secrets, ${environments} of environments`]
  for (const [what, count] of others) if (count > 0) parts.push(`${what}: ${count}`)
  return parts.join('; ')
}

function toJson({ faults, ...counts }: ValueCheck): string {
  return JSON.stringify({ ...counts, faults: faults.map(({ row, code }) => ({ ...row, code })) }, null, 2)
}

try {
  const check = await run()
  process.stdout.write(`${process.argv.includes('--json') ? toJson(check) : describe(check)}\n`)
  for (const { row, code } of check.faults)
    process.stderr.write(
      `secrets: ${code}: ${row.kind} ${row.versionId} of ${row.secretId}, company ${row.companyId}\n`
    )
  if (check.failed > 0) process.exitCode = 1
} catch (error) {
  const isOurs = [ConfigError, MasterKeyError, MissingMasterKeyError, SchemaVersionError].some(
    (kind) => error instanceof kind
  )
  const code = (error as { code?: unknown }).code ?? 'internal_error'
  process.stderr.write(
    `secrets: check-values: ${isOurs && error instanceof Error ? error.message : `failed (${String(code)})`}\n`
  )
  process.exitCode = 1
}
