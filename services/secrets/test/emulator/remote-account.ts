import { randomBytes, randomInt } from 'node:crypto'
import type { RemoteSecret } from './remote-secret.js'
import { ServiceError, validationError } from './service-error.js'

export type KeyState = 'enabled' | 'disabled' | 'pending_deletion'

/** One account in one region: everything that the service remembers. */
export interface RemoteAccount {
  readonly accountId: string
  readonly region: string
  readonly partition: string
  /** Own keys by ARN; a key that is not here does not exist. */
  readonly keys: Map<string, KeyState>
  readonly secrets: Map<string, RemoteSecret>
  /** Gone for good, kept only because an inventory that lags still shows them. */
  readonly ghosts: { secret: RemoteSecret; goneMs: number }[]
  /** Seals the cursors of ListSecrets. */
  readonly cursorKey: Buffer
}

const suffixLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const suffixLength = 6
const arnShape = /^arn:(aws[a-z-]*):secretsmanager:([a-z0-9-]+):(\d{12}):secret:(.+)$/

export function createRemoteAccount(options: {
  accountId: string
  region: string
  partition: string
}): RemoteAccount {
  return { ...options, keys: new Map(), secrets: new Map(), ghosts: [], cursorKey: randomBytes(32) }
}

/** A name gets six characters, so that a secret made again is another resource. */
export function newArn(account: RemoteAccount, name: string): string {
  const suffix = Array.from({ length: suffixLength }, () => suffixLetters[randomInt(suffixLetters.length)])
  return `${arnOfName(account, name)}-${suffix.join('')}`
}

/** A secret by name, by ARN, or by ARN without its suffix; and the resource that a policy is asked about. */
export function locate(
  account: RemoteAccount,
  secretId: string,
  nowMs: number
): { secret: RemoteSecret | undefined; resource: string } {
  purgeDue(account, nowMs)
  if (!secretId.startsWith('arn:')) return located(account, secretId, arnOfName(account, secretId))
  const match = arnShape.exec(secretId)
  if (match === null) throw validationError('that is not the ARN of a secret')
  const [, partition, region, accountId, rest = ''] = match
  if (partition !== account.partition || region !== account.region)
    throw validationError('that ARN is of another region')
  if (accountId !== account.accountId)
    throw new ServiceError(
      'AccessDeniedException',
      `nothing in ${accountId} is shared with ${account.accountId}`
    )
  const byArn = [...account.secrets.values()].find(({ arn }) => arn === secretId)
  return byArn === undefined ? located(account, rest, secretId) : { secret: byArn, resource: byArn.arn }
}

/** Removes a secret at once; an inventory that lags goes on showing it. */
export function removeSecret(account: RemoteAccount, secret: RemoteSecret, nowMs: number): void {
  account.secrets.delete(secret.name)
  account.ghosts.push({ secret, goneMs: nowMs })
}

/** Removes what has been marked for as long as its recovery window. */
export function purgeDue(account: RemoteAccount, nowMs: number): void {
  for (const secret of account.secrets.values()) {
    const { deletion } = secret
    if (deletion !== null && deletion.dueMs <= nowMs) removeSecret(account, secret, deletion.dueMs)
  }
}

function located(account: RemoteAccount, name: string, otherwise: string) {
  const secret = account.secrets.get(name)
  return { secret, resource: secret?.arn ?? otherwise }
}

function arnOfName({ partition, region, accountId }: RemoteAccount, name: string): string {
  return `arn:${partition}:secretsmanager:${region}:${accountId}:secret:${name}`
}
