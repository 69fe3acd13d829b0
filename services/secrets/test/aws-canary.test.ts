import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { newId, routes } from '@paperclip/contracts'
import { pino } from '@paperclip/server'
import { startProcess } from '@paperclip/testing'
import t from 'tap'
import { testCredential } from './emulator/emulator.js'
import type { Fault } from './emulator/emulator-faults.js'
import { providerTextMarker } from './emulator/held-secrets.js'
import { awsEnv, startSecretsWithAws } from './support/aws-app.js'
import { createCanaryScene } from './support/canary-scene.js'
import { adminSession } from './support/fixtures.js'
import { findRoute, rowRules } from './support/leak-rules.js'
import { createLeakWatch } from './support/leak-watch.js'
import { watch } from './support/process-watch.js'
import { deadlineMs, linked, problemOfCall, remoteValuesOf } from './support/remote-values.js'
import { operator, secretsDatabase, secretsEnv } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const { app, emulator } = await startSecretsWithAws(t, database)
const sql = await adminSession(t, database)
const scene = createCanaryScene(app, emulator, sql)

/** Every kind of failure, as AWS and what stands before it may word it; each hits whatever is asked. */
const always = { times: Number.POSITIVE_INFINITY }
const arn = `arn:aws:secretsmanager:us-east-1:${emulator.account.accountId}:secret:ops/type-AbCdEf`
const refusals: [type: string, status: number][] = [
  ['AccessDeniedException', 400],
  ['ExpiredTokenException', 400],
  ['ResourceNotFoundException', 400],
  ['ResourceExistsException', 400],
  ['InvalidRequestException', 400],
  ['ThrottlingException', 400],
  ['InternalServiceError', 500],
  [`Unheard#${arn} ${providerTextMarker}`, 400],
  [`${arn}:${providerTextMarker}`, 500]
]
const faults: Fault[] = [
  ...refusals.map(([type, status]) => ({ effect: 'refuse', type, status }) as const),
  { effect: 'html' },
  { effect: 'html', status: 200 },
  { effect: 'wrong_json' },
  { effect: 'truncate', applied: true },
  { effect: 'internal_error', applied: true },
  { effect: 'redirect', location: `https://example.com/?${arn}&${providerTextMarker}` }
]

t.beforeEach(() => {
  emulator.faults.clear()
  emulator.log.length = 0
})

/** What was seen since the last time, rows included. */
async function leaks(): Promise<string[]> {
  await watch.noteRows(app.deps.database.pool)
  return watch.takeLeaks()
}

t.test('the watch finds what it is there to find, wherever and however it is written', async (t) => {
  const own = createLeakWatch([emulator])
  const value = 'kept-by-the-provider "\n'
  emulator.seed({ Name: 'ops/self-check', ClientRequestToken: newId(), SecretString: value })
  const base64 = (start: string) => Buffer.from(`${start}${value}.`).toString('base64')
  const written = [JSON.stringify(value), encodeURIComponent(value), base64(''), base64('a'), base64('ab')]
  const hex = Buffer.from(value).toString('hex')
  for (const text of [...written, hex, Buffer.from(`>>>${value}`).toString('base64url')]) {
    own.noteLog(JSON.stringify({ msg: 'm', text }))
    t.same(own.takeLeaks(), ['the log line "m": value'], text.slice(0, 4))
  }
  const lines: [string, string][] = [
    ['ops/self-check', 'remote name'],
    ['arn:aws-cn:kms:cn-north-1', 'ARN'],
    [emulator.account.accountId, 'ARN'],
    [testCredential.secretAccessKey, 'credential'],
    [testCredential.sessionToken ?? '', 'credential'],
    [providerTextMarker, 'provider text']
  ]
  for (const [text, kind] of lines) {
    own.noteLog(JSON.stringify({ msg: 'm', code: 'c', context: { text } }))
    t.same(own.takeLeaks(), [`the log line "m (c)": ${kind}`])
  }
  const reply = (method: string, path: string, status: number, text: string) => {
    own.noteExchange({ method, path: `/internal${path}`, sent: null, status, text })
    return own.takeLeaks().map((leak) => leak.split(': ').at(-1))
  }
  t.same(reply('POST', '/agents/me/env', 200, JSON.stringify({ value })), [], 'this is what it is for')
  t.same(reply('POST', '/agents/me/env', 502, JSON.stringify({ value })), ['value'])
  t.same(reply('GET', `/secrets/${newId()}`, 200, `${arn} ${JSON.stringify(value)}`), ['value'])
  t.same(reply('GET', `/secrets/${newId()}`, 404, arn), ['ARN'])
  t.same(reply('GET', `/secrets/${newId()}/versions`, 200, arn), ['ARN'])
  const frames = `${newId()} 200 1\n${JSON.stringify(value)}\n${newId()} 502 1\n${JSON.stringify(value)}\n`
  t.same(reply('POST', '/resolve-batch', 200, frames), ['value'])
  t.same(await leaks(), [])
})

t.test('every table is looked at but those that hold keys and nothing else', async (t) => {
  const tables = await sql<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'secrets' and c.relkind in ('r', 'p') and not c.relispartition`
  )
  const watched = new Set(rowRules.map(({ table }) => table))
  const others = tables.map(({ name }) => name).filter((name) => !watched.has(name))
  const known = [
    'company_keys',
    'instance_settings',
    'master_keys',
    'schema_migration',
    'schema_migration_lock'
  ]
  t.same(others.sort(), known)
})

t.test('nothing that AWS holds or says comes out while all goes well', async (t) => {
  const place = await scene.place()
  const answers = [...(await scene.walk(place)), ...(await scene.look(place))]
  const done = answers.map(({ method, path, status }) => [
    findRoute(method, path)?.config.operationId,
    status
  ])
  t.same(
    done.filter(([, status]) => Number(status) >= 400),
    []
  )
  const walked = new Set(done.map(([operation]) => operation))
  const touching = routes.filter(
    ({ config }) => config.owner === 'secrets' && (config.callsProvider || config.selfTimed)
  )
  for (const { config } of touching) t.ok(walked.has(config.operationId), config.operationId)
  await scene.work()
  t.same(await leaks(), [])
})

for (const fault of faults) {
  const told = `${fault.applied ? 'a lost answer: ' : ''}${fault.effect} ${fault.status ?? ''} ${fault.type?.slice(0, 27) ?? ''}`
  t.test(`nothing that AWS holds or says comes out of ${told.trim()}`, async (t) => {
    const place = await scene.place()
    emulator.faults.add({ ...fault, ...always })
    const answers = await scene.walk(place)
    t.ok(answers.filter(({ status }) => status >= 400).length >= 5, 'it was felt')
    await scene.work()
    emulator.faults.clear()
    await scene.work()
    await scene.lookAtRecords(place)
    t.same(await leaks(), [])
  })
}

t.test('what an error carries can be printed whole', async (t) => {
  const { storage, make, read } = remoteValuesOf(app, newId())
  const { version, name, externalRef, stored } = await make()
  const value = Buffer.from(scene.newValue())
  const calls: (() => Promise<unknown>)[] = [
    () => storage.create({ ...version, versionId: newId(), name: `${name}-2`, value, deadlineMs }),
    () => storage.put({ ...version, versionId: newId(), externalRef, value, deadlineMs }),
    () => storage.find({ ...version, externalRef, deadlineMs }),
    () => storage.delete({ externalRef, deadlineMs }),
    () => storage.restore({ externalRef, deadlineMs }),
    () => read(stored),
    () => read(linked('ops/linked'))
  ]
  const logger = pino({ level: 'trace' }, { write: (line: string) => watch.noteLog(line) })
  let printed = 0
  for (const fault of faults) {
    emulator.faults.clear()
    emulator.faults.add({ ...fault, ...always })
    const outcomes = await Promise.allSettled(calls.map((call) => call()))
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue
      const error: unknown = outcome.reason
      logger.error({ err: error, error }, 'printed')
      logger.error({ text: inspect(error, { depth: 20, showHidden: true }) }, 'inspected')
      printed += 1
    }
  }
  t.ok(printed > 5 * faults.length)
  t.same(watch.takeLeaks(), [])
})

t.test('credentials that cannot be found say nothing of where they were looked for', async (t) => {
  const secret = scene.newValue()
  emulator.seed({ Name: `ops/${newId()}`, ClientRequestToken: newId(), SecretString: secret })
  const load = () => Promise.reject(new Error(`${secret} ${arn}`, { cause: new Error(providerTextMarker) }))
  const { app: poor } = await startSecretsWithAws(t, database, { emulator, load })
  const place = await scene.place()
  const answers = await createCanaryScene(poor, emulator, sql).walk(place)
  t.ok(answers.filter(({ status }) => status >= 400).length >= 5)
  const error = await problemOfCall(remoteValuesOf(poor, newId()).read(linked('ops/linked')))
  watch.noteLog(JSON.stringify({ msg: 'inspected', text: inspect(error, { depth: 20 }) }))
  t.match(await poor.send(operator(), 'GET', '/health'), { status: 200 })
  t.same(await leaks(), [])
})

t.test('a process says how it is configured, and no ARN', async (t) => {
  const kms = `arn:aws:kms:us-east-1:${emulator.account.accountId}:key/11111111-2222-3333-4444-555555555555`
  const started = await startProcess(t, {
    command: process.execPath,
    args: [fileURLToPath(new URL('../bin/main.js', import.meta.url))],
    env: {
      ...secretsEnv(t, database),
      ...awsEnv(emulator),
      PAPERCLIP_SECRETS_AWS_KMS_KEY_ID: kms,
      AWS_ACCESS_KEY_ID: testCredential.accessKeyId,
      AWS_SECRET_ACCESS_KEY: testCredential.secretAccessKey,
      PAPERCLIP_LOG_LEVEL: 'trace'
    }
  })
  await started.waitForLine(/secrets service is ready/)
  await started.stop()
  const lines = started.stdout().trim().split('\n')
  t.match(lines.join(), '"kmsKeyId":"set"')
  for (const line of lines) watch.noteLog(line)
  t.same(watch.takeLeaks(), [])
})
