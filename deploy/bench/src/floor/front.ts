/** The near half of the floor: a bare Fastify process that forwards each request with undici. */
import { fastify } from 'fastify'
import { Pool } from 'undici'

/** As many as the gateway has to the secrets service. */
const connectionsMax = 64

const { BENCH_PORT = '0', BENCH_BACK = '' } = process.env
const pool = new Pool(BENCH_BACK, { connections: connectionsMax })
const app = fastify()

app.get('/ready', async () => 'ok')
app.post('/env', async (_request, reply) => {
  const { statusCode, body } = await pool.request({ method: 'POST', path: '/env' })
  return reply
    .code(statusCode)
    .header('content-type', 'application/json; charset=utf-8')
    .send(await body.text())
})

await app.listen({ host: '127.0.0.1', port: Number(BENCH_PORT) })
