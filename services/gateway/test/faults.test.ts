import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventually, faultProxy, freePort, startProcess, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { makeAgent, openRun, testInstallation } from './fixtures/test-gateway.js'

// Real processes, and waits for limits to run out.
t.setTimeout(120_000)

const program = (name: string) => fileURLToPath(new URL(`../bin/${name}.js`, import.meta.url))

t.test(
  'the process waits for its database, serves, and stops when told or when its launcher is gone',
  async (t) => {
    const installation = await testInstallation(t)
    const proxy = await faultProxy(t, { target: installation.env.DATABASE_URL ?? '' })
    proxy.set('reset')
    const port = String(await freePort())
    const env = {
      ...installation.env,
      PORT: port,
      DATABASE_URL: proxy.through(installation.env.DATABASE_URL ?? '')
    }
    const starting = startProcess(t, {
      command: process.execPath,
      args: [program('main')],
      env,
      readyWhen: { url: `http://127.0.0.1:${port}/readyz` }
    })
    await eventually(() => {
      if (proxy.connections() === 0) throw new Error('it has not tried yet')
    })
    proxy.set('pass')
    const started = await starting
    t.match(started.stdout(), /"msg":"starting"/)
    t.notOk(started.stdout().includes(installation.jwtSecret), 'the configuration is logged without secrets')
    t.notOk(started.stdout().includes(new URL(env.DATABASE_URL).password))
    started.child.kill('SIGHUP')
    await started.waitForLine(/the signing key was read anew/)
    t.match(await started.stop(), { code: 0, signal: null }, 'SIGHUP read the key anew and stopped nothing')

    const child = spawn(process.execPath, [program('main')], {
      env: { PATH: process.env.PATH ?? '', ...env, PAPERCLIP_PARENT_FD: '3' },
      stdio: ['ignore', 'ignore', 'inherit', 'pipe']
    })
    t.teardown(() => child.kill('SIGKILL'))
    await eventually(async () => {
      if (!(await fetch(`http://127.0.0.1:${port}/livez`)).ok) throw new Error('not up')
    })
    const ended = once(child, 'exit')
    child.stdio[3]?.destroy()
    t.same(await ended, [0, null])
  }
)

t.test('a start that cannot go on is one sentence and exit code 1', async (t) => {
  const start = async (env: Record<string, string>) => {
    const started = await startProcess(t, { command: process.execPath, args: [program('main')], env })
    const { code } = await started.ended
    return { code, stderr: started.stderr() }
  }
  t.match(await start({ PORT: 'x' }), { code: 1, stderr: /PORT .*\n.*DATABASE_URL is required/ })
  const mode = await start({
    DATABASE_URL: 'postgres://u@localhost/db',
    PAPERCLIP_DEPLOYMENT_MODE: 'authenticated'
  })
  t.match(mode, {
    code: 1,
    stderr: /BETTER_AUTH_SECRET is required.*\n.*PAPERCLIP_AGENT_JWT_SECRET is required/
  })
})

t.test(
  'migrating twice does nothing the second time, and the service runs as a role that owns nothing',
  async (t) => {
    const database = await testDatabase(t)
    const migrate = async (env: Record<string, string>) => {
      const started = await startProcess(t, { command: process.execPath, args: [program('migrate')], env })
      const { code } = await started.ended
      return { code, stderr: started.stderr() }
    }
    const url = database.ownerUrl('gateway')
    t.match(await migrate({ DATABASE_MIGRATION_URL: url }), {
      code: 0,
      stderr: /[1-9]\d* migrations applied, privileges applied/
    })
    t.match(await migrate({ DATABASE_URL: url }), { code: 0, stderr: /0 migrations applied/ })
    t.match(await migrate({}), { code: 1, stderr: /DATABASE_MIGRATION_URL or DATABASE_URL is not set/ })
    const client = new pg.Client({
      connectionString: database.url('gateway'),
      options: '-c search_path=gateway'
    })
    await client.connect()
    t.teardown(() => client.end())
    for (const statement of [
      'create table x ()',
      'drop table runs',
      'delete from instance_settings',
      'alter table "authSessions" disable trigger all',
      'truncate runs'
    ])
      await t.rejects(client.query(statement), { code: '42501' }, statement)
    await t.resolves(client.query('select cursor_key from instance_settings'))
  }
)

t.test('without its database the gateway says so with a code, at once, and recovers alone', async (t) => {
  const installation = await testInstallation(t)
  const { env, secrets } = installation
  const proxy = await faultProxy(t, { target: env.DATABASE_URL ?? '' })
  const gateway = await installation.start({ DATABASE_URL: proxy.through(env.DATABASE_URL ?? '') })
  const agent = await makeAgent(gateway)
  const { token } = await openRun(gateway, agent)
  const tries = () =>
    Promise.all([
      gateway.call('GET', '/api/companies'),
      gateway.call('GET', '/api/agents/me', { token: agent.key }),
      gateway.call('POST', '/api/agents/me/env', { token }),
      gateway.call('GET', '/readyz'),
      gateway.call('GET', `/api/companies/${agent.companyId}/secrets`)
    ])
  for (const mode of ['reset', 'blackhole'] as const) {
    const asked = secrets.requests.filter((request) => request.url.startsWith('/internal/resolve')).length
    proxy.set(mode)
    for (const reply of await tries())
      t.match(reply, { status: 503, json: { code: 'database_unavailable' } }, mode)
    t.match(await gateway.call('GET', '/api/health'), { status: 503, json: { status: 'unhealthy' } }, mode)
    t.equal((await gateway.call('GET', '/livez')).status, 200)
    const after = secrets.requests.filter((request) => request.url.startsWith('/internal/resolve')).length
    t.equal(after, asked, 'nobody is let through unproved')
    proxy.set('pass')
    await eventually(async () => {
      const replies = await tries()
      if (replies.some((reply) => reply.status !== 200)) throw new Error('not back yet')
    })
  }
  t.notMatch(installation.log(), /"level":50/)
})

t.test('a clock over 5 s from that of the database stops the start with a sentence', async (t) => {
  const { env } = await testInstallation(t)
  const shifted = 'data:text/javascript,const now=Date.now;Date.now=()=>now()+6000'
  const args = ['--import', shifted, program('main')]
  const started = await startProcess(t, { command: process.execPath, args, env })
  t.equal((await started.ended).code, 1)
  t.match(started.stderr(), /^the clock of the database is 6\.\d s behind that of this machine, and 5 s/)
})
