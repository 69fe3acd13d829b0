import { fileURLToPath } from 'node:url'
import { newId } from '@paperclip/contracts'
import { eventually, freePort, startProcess } from '@paperclip/testing'
import t from 'tap'
import { startEmulator, testCredential } from './emulator/emulator.js'
import { awsEnv } from './support/aws-app.js'
import { operator, secretsDatabase, secretsEnv, sign, transmit } from './support/secrets-app.js'

const main = fileURLToPath(new URL('../bin/main.js', import.meta.url))

t.test('a stop while AWS hangs answers whoever waits, and ends in good order', async (t) => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const database = await secretsDatabase(t)
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const { accessKeyId, secretAccessKey, sessionToken } = testCredential
  const started = await startProcess(t, {
    command: process.execPath,
    args: [main],
    env: {
      ...secretsEnv(t, database),
      ...awsEnv(emulator),
      PAPERCLIP_SECRETS_PORT: String(port),
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken ?? ''
    },
    readyWhen: { url: `${origin}/readyz` }
  })
  emulator.faults.add({ effect: 'hang', times: 999 })
  const body = { provider: 'aws_secrets_manager', name: 'Hung', value: 'v' }
  const request = { method: 'POST', path: `/companies/${newId()}/secrets`, body }
  const waiting = transmit(origin, sign(origin, operator(), request))
  await eventually(() => {
    if (emulator.log.length === 0) throw new Error('AWS is not asked yet')
  })
  const end = started.stop()
  t.match(await waiting, { status: 503, body: { code: 'outcome_unknown' } })
  t.strictSame(await end, { code: 0, signal: null })
})
