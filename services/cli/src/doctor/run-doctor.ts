import { type CliIo, envText, note } from '../cli-io.js'
import { prepareInstance } from '../launcher/prepare-instance.js'
import { checkAuthReadiness, checkConfig, findConfigFault } from './configuration-checks.js'
import { checkAdmins, checkAws, checkMasterKeyCustody } from './custody-checks.js'
import { checkDatabaseAccess, checkDatabaseHosting, checkDatabaseTls } from './database-checks.js'
import { readDatabaseFacts } from './database-facts.js'
import { checkDatabaseRoles } from './database-roles-check.js'
import { addSchemaFaults, checkDatabase } from './database-server-check.js'
import { checkDeploymentMode } from './deployment-mode-check.js'
import { isDescribedByEnvironment } from './deployment-source.js'
import { type CheckResult, describeFailure, guarded, resultsOf, stepAfter } from './doctor-check.js'
import { type DoctorContext, readDoctorContext } from './doctor-context.js'
import { checkCompanyDeletion, checkProxy, checkPublicUrl } from './exposure-checks.js'
import { checkPrivateHop } from './hop-check.js'
import { checkDeploymentSecrets } from './key-checks.js'
import { checkPorts, checkStorage, checkVersions } from './machine-checks.js'
import { askGateway, askSecretsService, checkProvider } from './service-checks.js'
import { findServiceUrl } from './service-databases.js'
import { checkStrictMode } from './strict-mode-check.js'

/**
 * Makes what is missing and closes what is open, as `onboard` does, and says on stderr what that was. A failure is a
 * result, not thrown: it comes before the checks, and the command fails by it.
 */
export async function repairInstance(io: CliIo): Promise<CheckResult[]> {
  const { fail } = resultsOf('repair')
  if (isDescribedByEnvironment(io.env))
    return [
      fail(
        'nothing was repaired: the keys of this deployment were made elsewhere',
        'make what is missing where they lie: with compose, `sh deploy/compose-secrets.sh`'
      )
    ]
  let hasBegun = false
  const onBegin = (): void => {
    hasBegun = true
  }
  try {
    const { paths, created, variablesAdded, tightened, loose } = await prepareInstance(io.env, { onBegin })
    for (const path of created) note(io, `created ${path}`)
    for (const name of variablesAdded) note(io, `added ${name} to ${paths.env}`)
    for (const path of tightened) note(io, `closed ${path} to others`)
    for (const path of loose) note(io, `others can read ${path}, and its mode could not be changed`)
    return []
  } catch (error) {
    const message = `${hasBegun ? 'not all' : 'nothing'} was repaired: ${describeFailure(error)}`
    return [fail(message, 'mend what this and the checks below name, then repair again')]
  }
}

/** Runs every check in order. Without a configuration there is nothing further to look at. */
export async function runChecks(io: CliIo): Promise<CheckResult[]> {
  const fault = await findConfigFault(io)
  if (fault !== null) return [fault]
  let context: DoctorContext
  try {
    context = await readDoctorContext(io)
  } catch (error) {
    return [resultsOf('config').fail(describeFailure(error), stepAfter(error, 'correct the variable'))]
  }
  return [checkConfig(context), ...(await runAll(context))]
}

/** What waits for an answer waits at once: one that never comes is a finding, and costs its time once. */
async function runAll(context: DoctorContext): Promise<CheckResult[]> {
  const [gatewayUrl, secretsUrl] = await Promise.all([
    findServiceUrl(context, 'gateway'),
    findServiceUrl(context, 'secrets')
  ])
  const [facts, secrets, keys, database] = await Promise.all([
    readDatabaseFacts({ gateway: gatewayUrl, secrets: secretsUrl }),
    askSecretsService(context),
    guarded('deployment_secrets', () => checkDeploymentSecrets(context)),
    guarded('database', () => checkDatabase(context))
  ])
  const token = envText(context.io, 'PAPERCLIP_API_KEY') ?? null
  const [gateway, access] = await Promise.all([
    askGateway(context, { token, told: secrets.health?.warnings ?? [] }),
    guarded('database_access', () => checkDatabaseAccess(context, facts))
  ])
  return [
    checkDeploymentMode(context),
    checkPublicUrl(context),
    checkProxy(context),
    checkCompanyDeletion(context),
    await guarded('auth', () => checkAuthReadiness(context)),
    keys,
    checkMasterKeyCustody(context, facts),
    await guarded('database', () => addSchemaFaults(database, context, facts)),
    checkDatabaseHosting(context),
    access,
    checkDatabaseTls(context, facts),
    checkDatabaseRoles(context, { facts, health: secrets.health }),
    secrets.result,
    checkPrivateHop(context),
    await guarded('secret_provider', () => checkProvider(secrets.health)),
    checkAws(context, facts),
    checkStrictMode(context, secrets.health),
    await guarded('storage', () => checkStorage(context)),
    gateway.result,
    checkAdmins(context, { facts, health: gateway.health }),
    await guarded('ports', () => checkPorts(context)),
    checkVersions({ gateway: gateway.health, secrets: secrets.health })
  ]
}
