import { type Operation, secretOf } from './operation.js'
import { locate, removeSecret } from './remote-account.js'
import { epochSeconds } from './remote-secret.js'
import { invalidParameter, invalidRequest, notFound } from './service-error.js'

const recoveryDays = { min: 7, max: 30, standard: 30 }
const dayMs = 24 * 3_600_000

export const deleteSecret: Operation = (call) => {
  const { account, parameters, nowMs } = call
  const days = parameters.integer('RecoveryWindowInDays')
  const force = parameters.flag('ForceDeleteWithoutRecovery')
  if (force && days !== undefined) throw invalidParameter('either a recovery window or none')
  if (days !== undefined && (days < recoveryDays.min || days > recoveryDays.max))
    throw invalidParameter(`a recovery window has ${recoveryDays.min} to ${recoveryDays.max} days`)
  const secretId = parameters.secretId()
  const { secret, resource } = locate(account, secretId, nowMs)
  call.authorize('secretsmanager:DeleteSecret', resource)
  if (secret === undefined) {
    if (!force) throw notFound('secret by that id')
    // To force away what is not there is no error.
    return { ARN: resource, Name: secretId, DeletionDate: epochSeconds(nowMs) }
  }
  if (force) {
    removeSecret(account, secret, nowMs)
    return { ARN: secret.arn, Name: secret.name, DeletionDate: epochSeconds(nowMs) }
  }
  if (secret.deletion !== null) throw invalidRequest('the secret is marked for deletion already')
  const dueMs = nowMs + (days ?? recoveryDays.standard) * dayMs
  secret.deletion = { askedMs: nowMs, dueMs }
  return { ARN: secret.arn, Name: secret.name, DeletionDate: epochSeconds(dueMs) }
}

export const restoreSecret: Operation = (call) => {
  const secret = secretOf(call, 'RestoreSecret')
  secret.deletion = null
  return { ARN: secret.arn, Name: secret.name }
}
