import { type CliIo, envText, note } from '../cli-io.js'
import { prepareInstance } from '../launcher/prepare-instance.js'
import { checkAuthReadiness, checkConfig, checkDeploymentMode } from './configuration-checks.js'
import { type CheckResult, describeFailure, resultsOf } from './doctor-check.js'
import { type DoctorContext, readDoctorContext } from './doctor-context.js'
import { checkPrivateHop } from './hop-check.js'
import { checkDeploymentSecrets } from './key-checks.js'
import { checkPorts, checkVersions } from './machine-checks.js'
import {
  askGateway,
  askSecretsService,
  checkDatabase,
  checkProvider,
  checkStrictMode
} from './service-checks.js'

/** Makes what is missing, as `onboard` does, and says on stderr what that was. A failure is told, not thrown. */
export async function repairInstance(io: CliIo): Promise<void> {
  try {
    const { paths, created, variablesAdded, tightened } = await prepareInstance(io.env)
    for (const path of created) note(io, `created ${path}`)
    for (const name of variablesAdded) note(io, `added ${name} to ${paths.env}`)
    for (const path of tightened) note(io, `closed ${path} to others`)
  } catch (error) {
    note(io, `nothing more was repaired: ${describeFailure(error)}`)
  }
}

/** Runs every check in order. Without a configuration there is nothing further to look at. */
export async function runChecks(io: CliIo): Promise<CheckResult[]> {
  const config = await checkConfig(io)
  if (config.status === 'fail') return [config]
  let context: DoctorContext
  try {
    context = await readDoctorContext(io)
  } catch (error) {
    return [resultsOf('config').fail(describeFailure(error))]
  }
  const database = await checkDatabase(context)
  const secrets = await askSecretsService(context)
  const gateway = await askGateway(context, envText(io, 'PAPERCLIP_API_KEY') ?? null)
  return [
    config,
    checkDeploymentMode(context),
    await checkAuthReadiness(context),
    await checkDeploymentSecrets(context),
    database,
    secrets.result,
    checkPrivateHop(context),
    checkProvider(secrets.health),
    checkStrictMode(context, secrets.health),
    gateway.result,
    await checkPorts(context),
    checkVersions({ gateway: gateway.health, secrets: secrets.health })
  ]
}
