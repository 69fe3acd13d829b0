import { readFile } from 'node:fs/promises'
import { testAuthority } from '@paperclip/testing'
import t from 'tap'
import { checkPrivateHop } from '../src/doctor/hop-check.js'
import { runCli } from './fixtures/run-cli.js'
import { newOperator } from './support/e2e-cli.js'

// One launch of everything, on a machine that is busy with other suites.
t.setTimeout(110_000)

const authority = await testAuthority(t)
const own = await authority.issue()
const tls = {
  PAPERCLIP_INTERNAL_TLS_CERT_FILE: own.certFile,
  PAPERCLIP_INTERNAL_TLS_KEY_FILE: own.keyFile,
  PAPERCLIP_INTERNAL_TLS_CA_FILE: own.caFile
}

interface Check {
  id: string
  status: string
  message: string
  repair: string | null
}

t.test(
  'with certificates the launcher puts the hop under TLS, the main job works, and doctor says so',
  async (t) => {
    const operator = await newOperator(t, tls)
    const launched = await operator.launch()
    const { secrets } = await launched.runtime()
    t.match(secrets.url, /^https:\/\/127\.0\.0\.1:/)
    await t.rejects(fetch(`${secrets.url.replace('https:', 'http:')}/readyz`), 'plain http is not answered')
    const good = async (args: string[], input?: string) => {
      const result = await operator.run(args, input === undefined ? {} : { input })
      t.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`)
      return result.stdout
    }
    await good(['company', 'create', 'Acme'])
    await good(['agent', 'create', 'ada'])
    await good(['secrets', 'create', 'k'], 'over-tls')
    await good(['env', 'set', 'ada', 'K=$secret:k'])
    t.equal(await good(['agent', 'run', 'ada', '--', 'printenv', 'K']), 'over-tls\n')
    const { checks } = JSON.parse(await good(['doctor', '--json'])) as { checks: Check[] }
    const found = (id: string) => checks.find((check) => check.id === id)
    // The certificate of a test lives for a day.
    t.match(found('private_hop'), {
      status: 'warn',
      message: /^mutual TLS; the certificate expires on 20/,
      repair: /SIGHUP/
    })
    t.match(found('secrets_service'), { status: 'pass', message: /^https:/ })
    const without = await operator.run(['doctor', '--json'], {
      env: Object.fromEntries(Object.keys(tls).map((name) => [name, '']))
    })
    const unset = (JSON.parse(without.stdout) as { checks: Check[] }).checks.filter(
      (check) => check.status === 'fail'
    )
    t.match(unset, [
      {
        id: 'secrets_service',
        message: /^PAPERCLIP_SECRETS_URL is https, which needs PAPERCLIP_INTERNAL_TLS_CERT_FILE/
      },
      { id: 'private_hop', repair: /^give both services PAPERCLIP_INTERNAL_TLS_CERT_FILE/ }
    ])
    const logs = await Promise.all(
      ['gateway', 'secrets'].map((name) => readFile(`${operator.paths.logsDir}/${name}.log`, 'utf8'))
    )
    t.notMatch(logs.join(), /PRIVATE KEY|over-tls/)
  }
)

t.test('half of the settings stops the launcher with a sentence', async (t) => {
  const env = { PAPERCLIP_HOME: t.testdir({}), PAPERCLIP_INTERNAL_TLS_CERT_FILE: own.certFile }
  t.match(await runCli(['run'], { env }), {
    code: 1,
    stderr: /PAPERCLIP_INTERNAL_TLS_KEY_FILE, PAPERCLIP_INTERNAL_TLS_CA_FILE not set: mutual TLS needs/
  })
})

t.test('doctor tells each kind of hop from the others', (t) => {
  type Context = Parameters<typeof checkPrivateHop>[0]
  const check = (
    secretsUrl: string,
    { host = '127.0.0.1', env = {}, files = null as typeof own | null } = {}
  ) => {
    const settings = { internalTls: files, secrets: { host, port: 3200 } }
    return checkPrivateHop({ secretsUrl, settings, io: { env } } as unknown as Context)
  }
  const allowed = { PAPERCLIP_INTERNAL_PLAINTEXT: 'private-network' }
  t.match(check('http://127.0.0.1:3200'), { status: 'pass', message: 'loopback' })
  t.match(check('http://secrets:3200', { env: allowed }), {
    status: 'warn',
    repair: /TLS/,
    message: /can read/
  })
  t.match(check('http://127.0.0.1:3200', { env: allowed, host: '0.0.0.0' }), { status: 'warn' })
  t.match(check('http://secrets:3200'), { status: 'fail', message: 'plain http beyond this machine' })
  t.match(check('http://secrets:3200', { files: own }), { status: 'fail', message: /plain http although/ })
  t.match(check('https://secrets:3200', { files: { ...own, keyFile: '/nonexistent' } }), {
    status: 'fail',
    message: /^\/nonexistent: the file cannot be read/
  })
  t.match(check('secrets'), { status: 'fail', message: /^PAPERCLIP_SECRETS_URL must be like/ })
  t.end()
})
