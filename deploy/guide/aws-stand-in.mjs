/**
 * AWS Secrets Manager for guides: the strict stand-in of the secrets service's tests, as a process. What the reader has
 * from AWS is then in every terminal that is opened afterwards: credentials, as a role would give them, the address, and
 * the command line of AWS as far as guides show it.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { GuideError } from './guide-error.mjs'
import { quote } from './shell-quote.mjs'

const program = 'services/secrets/dist/test/emulator/run-emulator.js'
const signer = 'services/secrets/dist/src/provider/aws/aws-signer.js'
const command = fileURLToPath(new URL('./aws-command.mjs', import.meta.url))
/** Secrets that are there already, `prod/app-001` and on. */
const seeded = 20
/** The key of KMS that aws.md names: the one that stands for any in the documentation of AWS. */
const kmsKey = '1234abcd-12ab-34cd-56ef-1234567890ab'
/** The rest of what it prints, region and deployment id, is for the guide to set. */
const given = /^(AWS_\w+|PAPERCLIP_SECRETS_AWS_ENDPOINT)=(.+)$/gm
const secretBytes = 30

/**
 * `root` takes the files of ours, `repository` is a clone that is built, `path` where programs are found so far.
 *
 * @param {(block: object) => Promise<{ output(): string }>} run
 * @param {{ root: string, repository: string, path: string }} place
 * @returns {Promise<Record<string, string>>} variables of the environment
 */
export async function startAwsStandIn(run, { root, repository, path }) {
  const folder = join(root, 'aws')
  mkdirSync(folder, { mode: 0o700 })
  const credentials = join(folder, 'credentials.json')
  writeFileSync(credentials, JSON.stringify(newCredentials()), { mode: 0o600 })
  const flags = `--seed ${seeded} --kms-key ${kmsKey} --credentials ${quote(credentials)}`
  const text = `node ${program} ${flags}\n`
  const running = await run({ terminal: 'aws', text, stays: /^AWS_SESSION_TOKEN=/m })
  const variables = Object.fromEntries(
    [...running.output().matchAll(given)].map(([, name, value]) => [name, value])
  )
  const { AWS_SECRET_ACCESS_KEY: secret, PAPERCLIP_SECRETS_AWS_ENDPOINT: origin } = variables
  if (secret === undefined || origin === undefined)
    throw new GuideError('the stand-in for AWS did not say how it is reached')
  const { href } = pathToFileURL(join(repository, signer))
  const started = [process.execPath, command, credentials, origin, href].map(quote).join(' ')
  writeFileSync(join(folder, 'aws'), `#!/bin/sh\nexec ${started} "$@"\n`, { mode: 0o755 })
  return { ...variables, PATH: `${folder}:${path}` }
}

/** The first is the deployment's, with a token as roles have; the other one is whoever administers the account. */
function newCredentials() {
  const newSecret = () => randomBytes(secretBytes).toString('base64')
  return [
    { accessKeyId: 'ASIAGUIDEGUIDEGUIDE1', secretAccessKey: newSecret(), sessionToken: newSecret() },
    { accessKeyId: 'AKIAGUIDEGUIDEGUIDE2', secretAccessKey: newSecret(), isAdministrator: true }
  ]
}
