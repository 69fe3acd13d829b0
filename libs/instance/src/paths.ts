import { join, resolve } from 'node:path'
import { InstanceError } from './instance-error.js'

/** Where everything of one instance lies; all absolute. */
export interface InstancePaths {
  readonly home: string
  readonly instanceId: string
  readonly instanceDir: string
  readonly config: string
  /** Generated secrets of the infrastructure: session and token secrets, database passwords. */
  readonly env: string
  readonly secretsDir: string
  readonly masterKey: string
  readonly auditKey: string
  /** What the secrets service verifies its callers with. */
  readonly internalKeys: string
  /** What the gateway signs with. */
  readonly gatewayKey: string
  /** Written by the launcher while it runs. */
  readonly runtime: string
  /** Held by the one launcher of this instance. */
  readonly lock: string
  readonly logsDir: string
  /** Sign-ins of the command line, shared by all instances of a home. */
  readonly cliAuth: string
}

const instanceIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

/** Lays out an instance under `home`. Touches nothing. Throws {@link InstanceError} on a malformed id. */
export function instancePaths({ home, instanceId }: { home: string; instanceId: string }): InstancePaths {
  if (!instanceIdPattern.test(instanceId)) {
    throw new InstanceError(
      'PAPERCLIP_INSTANCE_ID must be 1 to 64 letters, digits, _ or -, and begin with a letter or digit.'
    )
  }
  const root = resolve(home)
  const instanceDir = join(root, 'instances', instanceId)
  const secretsDir = join(instanceDir, 'secrets')
  return {
    home: root,
    instanceId,
    instanceDir,
    config: join(instanceDir, 'config.json'),
    env: join(instanceDir, '.env'),
    secretsDir,
    masterKey: join(secretsDir, 'master.key'),
    auditKey: join(secretsDir, 'audit.key'),
    internalKeys: join(secretsDir, 'internal-keys.json'),
    gatewayKey: join(secretsDir, 'gateway-key.json'),
    runtime: join(instanceDir, 'runtime.json'),
    lock: join(instanceDir, 'launcher.lock'),
    logsDir: join(instanceDir, 'logs'),
    cliAuth: join(root, 'auth.json')
  }
}
