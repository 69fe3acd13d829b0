import type { Authorize } from './iam-policy.js'
import { locate, type RemoteAccount } from './remote-account.js'
import type { RemoteSecret } from './remote-secret.js'
import type { RequestParameters } from './request-parameters.js'
import { invalidRequest, notFound } from './service-error.js'

/** One call that is known to come from whom it says. */
export interface OperationCall {
  readonly account: RemoteAccount
  readonly parameters: RequestParameters
  readonly authorize: Authorize
  readonly nowMs: number
  /** How far the inventory is behind. */
  readonly listLagMs: number
}

/** Does what is asked and answers with the members of the reply, or throws a `ServiceError`. */
export type Operation = (call: OperationCall) => Record<string, unknown>

/** The secret of a call by its `SecretId`: may the caller do that to it, and does it exist? */
export function secretOf(call: OperationCall, action: string): RemoteSecret {
  const { secret, resource } = locate(call.account, call.parameters.secretId(), call.nowMs)
  call.authorize(`secretsmanager:${action}`, resource)
  if (secret === undefined) throw notFound('secret by that id')
  return secret
}

/** The same for what a secret that is marked for deletion does not allow. */
export function liveSecretOf(call: OperationCall, action: string): RemoteSecret {
  const secret = secretOf(call, action)
  if (secret.deletion !== null) throw invalidRequest('the secret is marked for deletion')
  return secret
}
