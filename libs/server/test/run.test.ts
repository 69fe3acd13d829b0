import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const program = fileURLToPath(new URL('./fixtures/service.js', import.meta.url))
const endMsMax = 5_000
/** The smaller budget of a launcher's child, with time to close the rest. */
const underLoadEndMsMax = 1_500
const clientsUnderLoad = 16
const requestsBeforeStop = 400

interface Started {
  child: ChildProcess
  output: () => string
  line: (pattern: RegExp) => Promise<RegExpExecArray>
  ended: Promise<{ code: number | null; signal: string | null }>
}

function start(env: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env.PATH ?? '', ...env },
    // The fourth is the launcher's pipe.
    stdio: ['ignore', 'pipe', 'pipe', 'pipe']
  })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      child.emit('text')
    })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  const line = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(text)
        if (match !== null) resolve(match)
      }
      child.on('text', look)
      void ended.then(() => reject(new Error(`ended before ${pattern}: ${text}`)))
      look()
    })
  return { child, output: () => text, line, ended }
}

const originOf = async (service: Started) => (await service.line(/listening on (\S+)/))[1] ?? ''

t.test('SIGTERM lets what is under way finish, then the process ends with 0', async (t) => {
  const service = start()
  const origin = await originOf(service)
  const slow = fetch(`${origin}/slow`)
  await service.line(/slow request is under way/)
  const startedAt = performance.now()
  service.child.kill('SIGTERM')
  t.same(await (await slow).json(), { finished: true })
  t.same(await service.ended, { code: 0, signal: null })
  t.ok(performance.now() - startedAt < endMsMax)
  t.match(service.output(), /"signal":"SIGTERM","msg":"stopping"/)
  await t.rejects(fetch(`${origin}/livez`), 'nobody listens any more')
})

/** One request on a connection that the agent keeps. */
function ask(agent: Agent, origin: string, path: string): Promise<'kept' | 'closing'> {
  return new Promise((resolve, reject) => {
    const request = get(`${origin}${path}`, { agent }, (reply) => {
      reply.once('error', reject)
      reply.resume().once('end', () => {
        if (reply.statusCode !== 200) reject(new Error(`status ${reply.statusCode}`))
        else resolve(reply.headers.connection === 'close' ? 'closing' : 'kept')
      })
    })
    request.once('error', reject)
  })
}

t.test(
  'SIGTERM under load fails no request on a kept connection: the last reply on each says so',
  async (t) => {
    const service = start()
    const origin = await originOf(service)
    let underWay = 0
    let answered = 0
    let reached: () => void
    const loaded = new Promise<void>((resolve) => {
      reached = resolve
    })
    async function client(index: number): Promise<void> {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      t.teardown(() => agent.destroy())
      for (let state = 'kept'; state === 'kept'; answered++) {
        underWay++
        if (answered > requestsBeforeStop) reached()
        state = await ask(agent, origin, index % 2 === 0 ? '/livez' : '/short')
        underWay--
      }
    }
    const clients = Promise.allSettled(Array.from({ length: clientsUnderLoad }, (_, index) => client(index)))
    await loaded
    const startedAt = performance.now()
    service.child.kill('SIGTERM')
    t.same(
      (await clients).filter(({ status }) => status === 'rejected'),
      []
    )
    t.equal(underWay, 0)
    t.same(await service.ended, { code: 0, signal: null })
    t.ok(performance.now() - startedAt < underLoadEndMsMax, 'and the stop is short')
  }
)

t.test('a connection that says nothing more is closed after the grace', async (t) => {
  const service = start()
  const origin = await originOf(service)
  const { hostname, port } = new URL(origin)
  const silent = connect(Number(port), hostname)
  silent.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await once(silent, 'data')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  service.child.kill('SIGTERM')
  let silentEnded = false
  const ended = once(silent.resume(), 'close').then(([failed]) => {
    silentEnded = true
    return failed
  })
  while ((await ask(agent, origin, '/livez')) === 'kept');
  t.notOk(silentEnded, 'it stays while the grace lasts')
  t.equal(await ended, false, 'and ends in order')
  t.same(await service.ended, { code: 0, signal: null })
})

t.test('the end of the launcher, seen on its pipe, ends the process', async (t) => {
  const service = start({ PAPERCLIP_PARENT_FD: '3' })
  t.equal((await fetch(`${await originOf(service)}/livez`)).status, 200)
  service.child.stdio[3]?.destroy()
  t.same(await service.ended, { code: 0, signal: null })
  t.match(service.output(), 'parent gone')
})

t.test('a port in use is one sentence and exit code 1', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const service = start({ TEST_PORT: String((holder.address() as AddressInfo).port) })
  t.same(await service.ended, { code: 1, signal: null })
  t.equal(service.output(), 'the port is in use; set another one or stop what listens there\n')
})

t.test('an uncaught error is logged without its message and ends the process with 1', async (t) => {
  const service = start()
  await fetch(`${await originOf(service)}/crash`).catch(() => {})
  t.same(await service.ended, { code: 1, signal: null })
  t.match(service.output(), 'stopping after an uncaught error')
  t.notMatch(service.output(), 'canary-crash')
})
