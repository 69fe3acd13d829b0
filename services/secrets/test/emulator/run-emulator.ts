/**
 * Runs the emulator as a process, to try the product without an account:
 *
 *     node services/secrets/dist/test/emulator/run-emulator.js [--port n] [--policy file.json] [--seed n]
 *       [--kms-key id] [--credentials file.json]
 *
 * Prints what a secrets service needs to use it, as assignments of its environment, then one line for each request:
 * operation, outcome and the name that was asked for; never a value. `--policy` allows what an IAM policy document
 * says and nothing else; `--seed` makes so many secrets that an operator might have, named `prod/app-001` and on;
 * `--kms-key` makes a key. `--credentials` names a list of those that are known, read again with each request so that
 * they can be rotated; what has the status `Inactive` is refused, and the first is printed.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startEmulator, testCredential } from './emulator.js'
import { keyArnOf } from './remote-key.js'
import type { KnownCredential } from './sigv4.js'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    policy: { type: 'string' },
    'kms-key': { type: 'string' },
    credentials: { type: 'string' },
    seed: { type: 'string', default: '0' }
  }
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const emulator = await startEmulator({
  port: Number(values.port),
  onRequest: ({ operation, outcome, secretId }) => say(`${operation} ${outcome} ${secretId ?? '-'}`)
})
if (values.policy !== undefined) emulator.settings.policy = JSON.parse(readFileSync(values.policy, 'utf8'))
const keyArn = keyArnOf(emulator.account, values['kms-key'] ?? null)
if (keyArn !== null) emulator.account.keys.set(keyArn, 'enabled')
const { credentials: path } = values
if (path !== undefined)
  Object.defineProperty(emulator.settings, 'credentials', { get: () => readCredentials(path) })
for (let n = 1; n <= Number(values.seed); n++) {
  const name = `prod/app-${String(n).padStart(3, '0')}`
  emulator.seed({ Name: name, SecretString: `value of ${name}`, ClientRequestToken: crypto.randomUUID() })
}
say(`PAPERCLIP_SECRETS_AWS_REGION=${emulator.region}`)
say('PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID=try-it')
say(`PAPERCLIP_SECRETS_AWS_ENDPOINT=${emulator.origin}`)
const [first = testCredential] = emulator.settings.credentials
say(`AWS_ACCESS_KEY_ID=${first.accessKeyId}`)
say(`AWS_SECRET_ACCESS_KEY=${first.secretAccessKey}`)
say(`AWS_SESSION_TOKEN=${first.sessionToken ?? ''}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void emulator.close())

function readCredentials(path: string): KnownCredential[] {
  const listed = JSON.parse(readFileSync(path, 'utf8')) as (KnownCredential & { status?: string })[]
  return listed.filter(({ status }) => status !== 'Inactive')
}
