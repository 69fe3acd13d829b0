import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The files and secrets two services need to know each other, and a runner's key that may resolve. */
export interface BenchKeys {
  readonly verifierFile: string
  readonly gatewayFile: string
  readonly runnerFile: string
  readonly masterKey: string
  readonly agentJwtSecret: string
}

const secretBytes = 32

/** Makes fresh keys in a folder. They are worth nothing outside of it. */
export async function writeKeys(folder: string): Promise<BenchKeys> {
  const callers = [
    { caller: 'gateway', scopes: ['activity:write'] },
    { caller: 'runner', scopes: ['resolve'] }
  ].map((entry) => ({
    ...entry,
    id: `${entry.caller}-1`,
    secret: randomBytes(secretBytes).toString('base64url')
  }))
  const write = async (name: string, content: unknown) => {
    const path = join(folder, name)
    await writeFile(path, JSON.stringify(content), { mode: 0o600 })
    return path
  }
  const own = (caller: string) => {
    const { id, secret } = callers.find((entry) => entry.caller === caller) ?? {}
    return { id, secret }
  }
  return {
    verifierFile: await write('internal-keys.json', {
      keys: callers.map((entry) => ({ ...entry, companies: null, notAfter: null }))
    }),
    gatewayFile: await write('gateway-key.json', own('gateway')),
    runnerFile: await write('runner-key.json', own('runner')),
    masterKey: randomBytes(secretBytes).toString('base64'),
    agentJwtSecret: randomBytes(secretBytes).toString('base64url')
  }
}
