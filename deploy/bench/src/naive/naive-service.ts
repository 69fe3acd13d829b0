/**
 * The yardstick of P3: resolving as it is written first, one binding after the other. For each it reads binding,
 * secret and version, writes one event in a transaction of its own, and opens the value. No signature is checked.
 */
import { createDecipheriv, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import { fastify } from 'fastify'
import pg from 'pg'
import { sealSample } from './sample-seal.js'

const {
  BENCH_PORT = '0',
  BENCH_DATABASE_URL,
  BENCH_COMPANY_ID = '',
  BENCH_AGENT_ID = '',
  BENCH_EVENTS = ''
} = process.env
const connectionsMax = 10
const pool = new pg.Pool({ connectionString: BENCH_DATABASE_URL, max: connectionsMax })
pool.on('error', () => {})
const master = createSecretKey(randomBytes(32))
const sample = sealSample(master)

interface Binding {
  id: string
  config_path: string
  secret_id: string
}

async function resolveOne({ id, config_path, secret_id }: Binding): Promise<string> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('select version from secrets.company_secret_bindings where id = $1', [id])
    const secret = await client.query<{ key: string; latest_version: number }>(
      'select key, provider, status, latest_version from secrets.company_secrets where id = $1',
      [secret_id]
    )
    const { key, latest_version } = secret.rows[0] ?? { key: '', latest_version: 0 }
    await client.query(
      'select id, status, sealed from secrets.company_secret_versions where secret_id = $1 and version = $2',
      [secret_id, latest_version]
    )
    await client.query(
      `insert into ${BENCH_EVENTS} (company_id, resolve_id, ordinal, secret_id, secret_key, version, provider,
         actor_type, actor_id, target_type, target_id, config_path, outcome, request_id)
       values ($1, gen_random_uuid(), 0, $2, $3, $4, 'local_encrypted', 'agent', $5, 'agent', $6, $7, 'success', 'bench')`,
      [BENCH_COMPANY_ID, secret_id, key, latest_version, BENCH_AGENT_ID, BENCH_AGENT_ID, config_path]
    )
    await client.query('commit')
  } finally {
    client.release()
  }
  return openSample()
}

/** Opens a value as long as the product's with the same ciphers; the product's own keys are its own. */
function openSample(): string {
  const key = createSecretKey(Buffer.from(hkdfSync('sha256', master, sample.salt, 'bench', 32)))
  const decipher = createDecipheriv('aes-256-gcm', key, sample.iv, { authTagLength: 16 })
  decipher.setAuthTag(sample.tag)
  return Buffer.concat([decipher.update(sample.text), decipher.final()]).toString()
}

const app = fastify()
app.get('/ready', async () => 'ok')
app.post('/env', async () => {
  const { rows } = await pool.query<Binding>(
    `select id, config_path, secret_id from secrets.company_secret_bindings
     where company_id = $1 and target_type = 'agent' and target_id = $2`,
    [BENCH_COMPANY_ID, BENCH_AGENT_ID]
  )
  const env: Record<string, string> = {}
  for (const binding of rows) env[binding.config_path.slice('env.'.length)] = await resolveOne(binding)
  return { env }
})

await app.listen({ host: '127.0.0.1', port: Number(BENCH_PORT) })
