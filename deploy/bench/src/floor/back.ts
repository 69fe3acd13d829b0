/** The far half of the floor: a bare Fastify process that answers with a fixed text. */
import { fastify } from 'fastify'

const { BENCH_PORT = '0', BENCH_REPLY = '' } = process.env
const app = fastify()

app.get('/ready', async () => 'ok')
app.post('/env', (_request, reply) => {
  reply.header('content-type', 'application/json; charset=utf-8').send(BENCH_REPLY)
})

await app.listen({ host: '127.0.0.1', port: Number(BENCH_PORT) })
