/**
 * `aws` for guides that begin with AWS: the few commands of its command line that they show, done at the stand-in. Anything
 * else is refused, so that a guide shows no command that nothing has tried.
 *
 *     node aws-command.mjs <file of credentials> <origin of the stand-in> <signer> <what was typed after aws>
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const [file, origin, signer, service, operation, ...args] = process.argv.slice(2)
const region = 'us-east-1'
/** As IAM lets a user have. */
const keysPerUserMax = 2
const idBytes = 8
const secretBytes = 30
const keyQuery = 'AccessKey.[AccessKeyId,SecretAccessKey]'

const commands = {
  'secretsmanager put-secret-value': { options: ['secret-id', 'secret-string'], run: putSecretValue },
  'iam create-access-key': { options: ['user-name', 'query', 'output'], run: createAccessKey },
  'iam update-access-key': { options: ['user-name', 'access-key-id', 'status'], run: updateAccessKey },
  'iam delete-access-key': { options: ['user-name', 'access-key-id'], run: deleteAccessKey }
}

const read = () => JSON.parse(readFileSync(file, 'utf8'))

/** At once: the stand-in reads it with every request. */
function write(credentials) {
  writeFileSync(`${file}.new`, JSON.stringify(credentials), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** With the value from stdin, as `file:///dev/stdin`, byte for byte. Prints the id of the version. */
async function putSecretValue(given) {
  if (given['secret-string'] !== 'file:///dev/stdin') throw new Error('a value comes from file:///dev/stdin')
  const { accessKeyId, secretAccessKey } = read().find(({ isAdministrator }) => isAdministrator)
  const { signAwsCall } = await import(signer)
  const call = {
    SecretId: given['secret-id'],
    SecretString: readFileSync(0, 'utf8'),
    ClientRequestToken: crypto.randomUUID()
  }
  const body = Buffer.from(JSON.stringify(call))
  const identity = { accessKeyId, secretAccessKey, sessionToken: null }
  const signed = { origin: new URL(origin), region, operation: 'PutSecretValue', body, identity }
  const headers = signAwsCall({ ...signed, nowMs: Date.now() })
  const response = await fetch(origin, { method: 'POST', headers, body })
  const { VersionId, __type: type } = await response.json()
  if (!response.ok) throw new Error(type)
  return JSON.stringify({ VersionId })
}

function createAccessKey({ query, output }) {
  if (query !== keyQuery || output !== 'text') throw new Error(`this prints ${keyQuery} as text`)
  const credentials = read()
  if (credentials.filter(({ isAdministrator }) => !isAdministrator).length >= keysPerUserMax)
    throw new Error('LimitExceeded')
  const accessKeyId = `AKIA${randomBytes(idBytes).toString('hex').toUpperCase()}`
  const secretAccessKey = randomBytes(secretBytes).toString('base64')
  write([...credentials, { accessKeyId, secretAccessKey }])
  return `${accessKeyId}\t${secretAccessKey}`
}

function updateAccessKey({ 'access-key-id': id, status }) {
  if (!['Active', 'Inactive'].includes(status)) throw new Error('ValidationError')
  requireKey(id)
  write(read().map((key) => (key.accessKeyId === id ? { ...key, status } : key)))
  return ''
}

function deleteAccessKey({ 'access-key-id': id }) {
  requireKey(id)
  write(read().filter(({ accessKeyId }) => accessKeyId !== id))
  return ''
}

function requireKey(id) {
  if (!read().some(({ accessKeyId }) => accessKeyId === id)) throw new Error('NoSuchEntity')
}

try {
  const command = commands[`${service} ${operation}`]
  if (command === undefined) throw new Error('no guide was tried with this command')
  const options = Object.fromEntries(command.options.map((name) => [name, { type: 'string' }]))
  const { values } = parseArgs({ args, options })
  const missing = command.options.filter((name) => values[name] === undefined)
  if (missing.length > 0) throw new Error(`--${missing.join(', --')} is missing`)
  const printed = await command.run(values)
  if (printed !== '') process.stdout.write(`${printed}\n`)
} catch (error) {
  process.stderr.write(`aws ${service} ${operation}: ${error.message}\n`)
  process.exitCode = 1
}
