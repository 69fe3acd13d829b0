/**
 * AWS Secrets Manager for guides: the strict stand-in of the secrets service's tests, as a process. What the reader has
 * from AWS is then in every terminal that is opened afterwards: credentials, as a role would give them, and the address.
 */
import { GuideError } from './guide-error.mjs'

const program = 'services/secrets/dist/test/emulator/run-emulator.js'
/** Secrets that are there already, `prod/app-001` and on. */
const seeded = 20
/** The rest of what it prints, region and deployment id, is for the guide to set. */
const given = /^(AWS_\w+|PAPERCLIP_SECRETS_AWS_ENDPOINT)=(.+)$/gm

/**
 * @param {(block: object) => Promise<{ output(): string }>} run
 * @returns {Promise<Record<string, string>>} variables of the environment
 */
export async function startAwsStandIn(run) {
  const text = `node ${program} --seed ${seeded}\n`
  const running = await run({ terminal: 'aws', text, stays: /^AWS_SESSION_TOKEN=/m })
  const variables = Object.fromEntries(
    [...running.output().matchAll(given)].map(([, name, value]) => [name, value])
  )
  if (variables.AWS_SECRET_ACCESS_KEY === undefined)
    throw new GuideError('the stand-in for AWS did not say how it is reached')
  return variables
}
