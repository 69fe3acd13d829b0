import { newId } from '@paperclip/contracts'
import { type CompanyKey, generateCompanyKey, wrapCompanyKey } from '../../src/crypto/company-key.js'
import { deriveKek, PBKDF2_ITERATIONS_MIN, parseMasterKey } from '../../src/crypto/master-key.js'
import { systemRandomBytes as randomBytes, randomSalt } from '../../src/crypto/random-bytes.js'
import { seal } from '../../src/crypto/seal.js'
import type { Query } from './fixtures.js'
import { masterKey } from './secrets-app.js'

/** Registers the tests' master key in a database that has none, as the service does; gives what wraps under it. */
export async function insertMasterKey(sql: Query) {
  const salt = randomSalt(randomBytes)
  const kek = await deriveKek(parseMasterKey(masterKey, { source: 'a test' }), {
    salt,
    iterations: PBKDF2_ITERATIONS_MIN
  })
  await sql('insert into master_keys (id, salt, iterations, activated_at) values ($1, $2, $3, now())', [
    kek.id,
    salt,
    PBKDF2_ITERATIONS_MIN
  ])
  return kek
}

/** Gives a company its key, wrapped under that. */
export async function insertCompanyKey(
  sql: Query,
  { kek, companyId }: { kek: Awaited<ReturnType<typeof insertMasterKey>>; companyId: string }
): Promise<CompanyKey> {
  const key = generateCompanyKey({ id: newId(), companyId, randomBytes })
  await sql('insert into company_keys (id, company_id, master_key_id, wrapped) values ($1, $2, $3, $4)', [
    key.id,
    companyId,
    kek.id,
    wrapCompanyKey(key, { kek, randomBytes })
  ])
  return key
}

/** Stores a secret with so many versions by SQL, as every release since the first has stored them. */
export async function insertSecret(
  sql: Query,
  companyKey: CompanyKey,
  { key, values }: { key: string; values: readonly string[] }
): Promise<string> {
  const { companyId } = companyKey
  const secretId = newId()
  await sql(
    `insert into company_secrets (id, company_id, key, name, provider, managed_mode, latest_version)
     values ($1, $2, $3, $3, 'local_encrypted', 'paperclip_managed', $4)`,
    [secretId, companyId, key, values.length]
  )
  const versions = values.map((value) => {
    const id = newId()
    const place = { secretId, versionId: id, kind: 'value' } as const
    return { id, sealed: seal(Buffer.from(value), { companyKey, ...place, randomBytes }).toString('hex') }
  })
  await sql(
    `insert into company_secret_versions (id, company_id, secret_id, version, status, sealed)
     select id, $1, $2, n, case when n = $5 then 'current' else 'previous' end, decode(sealed, 'hex')
     from unnest($3::uuid[], $4::text[]) with ordinality as v (id, sealed, n)`,
    [companyId, secretId, versions.map(({ id }) => id), versions.map(({ sealed }) => sealed), values.length]
  )
  return secretId
}

/** Binds a secret's latest version to a variable of an agent. */
export async function insertBinding(
  sql: Query,
  {
    companyId,
    agentId,
    secretId,
    name
  }: { companyId: string; agentId: string; secretId: string; name: string }
): Promise<void> {
  await sql(
    `insert into environments (company_id, target_type, target_id, revision_id, names, plain)
     values ($1, 'agent', $2, $3, $4, '{}')`,
    [companyId, agentId, newId(), [name]]
  )
  await sql(
    `insert into company_secret_bindings (id, company_id, secret_id, target_type, target_id, config_path)
     values ($1, $2, $3, 'agent', $4, $5)`,
    [newId(), companyId, secretId, agentId, `env.${name}`]
  )
}
