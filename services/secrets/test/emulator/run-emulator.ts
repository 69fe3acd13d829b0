/**
 * Runs the emulator as a process, to try the product without an account:
 *
 *     node services/secrets/dist/test/emulator/run-emulator.js [--port n] [--policy file.json] [--seed n]
 *
 * Prints what a secrets service needs to use it, as assignments of its environment, then one line for each request:
 * operation, outcome and the name that was asked for; never a value. `--policy` allows what an IAM policy document
 * says and nothing else; `--seed` makes so many secrets that an operator might have, named `prod/app-001` and on.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startEmulator, testCredential } from './emulator.js'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    policy: { type: 'string' },
    seed: { type: 'string', default: '0' }
  }
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const emulator = await startEmulator({
  port: Number(values.port),
  onRequest: ({ operation, outcome, secretId }) => say(`${operation} ${outcome} ${secretId ?? '-'}`)
})
if (values.policy !== undefined) emulator.settings.policy = JSON.parse(readFileSync(values.policy, 'utf8'))
for (let n = 1; n <= Number(values.seed); n++) {
  const name = `prod/app-${String(n).padStart(3, '0')}`
  emulator.seed({ Name: name, SecretString: `value of ${name}`, ClientRequestToken: crypto.randomUUID() })
}
say(`PAPERCLIP_SECRETS_AWS_REGION=${emulator.region}`)
say('PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID=try-it')
say(`PAPERCLIP_SECRETS_AWS_ENDPOINT=${emulator.origin}`)
say(`AWS_ACCESS_KEY_ID=${testCredential.accessKeyId}`)
say(`AWS_SECRET_ACCESS_KEY=${testCredential.secretAccessKey}`)
say(`AWS_SESSION_TOKEN=${testCredential.sessionToken}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void emulator.close())
