import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repositoryRoot } from '@paperclip/testing'
import type { BenchOptions } from '../options.js'
import type { UndoList } from '../undo.js'
import { type BenchDatabase, openDatabase } from './database.js'
import { type BenchKeys, writeKeys } from './keys.js'
import { startProgram } from './program.js'

/** What is measured: both services as real processes over a real database, with their keys. */
export interface Stand {
  readonly database: BenchDatabase
  readonly keys: BenchKeys
  readonly gatewayOrigin: string
  readonly secretsOrigin: string
  /** The stub of AWS Secrets Manager. */
  readonly remoteOrigin: string
  /** Starts a program of the bench itself, compiled beside this one, on a free port. */
  startOwn(file: string, env: Readonly<Record<string, string>>): Promise<string>
}

/** Stands in the names of values at the stub. */
export const remoteNamespace = 'bench'

/** About what AWS takes within its own network. */
export const remoteLatencyMs = 10

/** Starts everything; all of it goes with `undo`. */
export async function openStand(undo: UndoList, { profileFolder }: BenchOptions): Promise<Stand> {
  const folder = await mkdtemp(join(tmpdir(), 'paperclip-bench-'))
  undo.teardown(() => rm(folder, { recursive: true, force: true }))
  const keys = await writeKeys(folder)
  const database = await openDatabase(undo)
  if (profileFolder !== null) await mkdir(profileFolder, { recursive: true })
  const service = (name: 'gateway' | 'secrets', env: (port: number) => Record<string, string>) =>
    startProgram(undo, {
      name,
      file: `${repositoryRoot}services/${name}/dist/bin/main.js`,
      nodeArguments: profiling(profileFolder, name),
      readyPath: '/readyz',
      env: (port) => ({ PAPERCLIP_HOME: folder, DATABASE_URL: database.url(name), ...env(port) }),
      logFile: join(folder, `${name}.log`)
    })
  const startOwn: Stand['startOwn'] = (file, env) =>
    startProgram(undo, {
      name: file,
      file: fileURLToPath(new URL(`../${file}.js`, import.meta.url)),
      readyPath: '/ready',
      env: (port) => ({ BENCH_PORT: String(port), ...env }),
      logFile: join(folder, `${file.replaceAll('/', '-')}.log`)
    })
  const remoteOrigin = await startOwn('remote/stub', { BENCH_LATENCY_MS: String(remoteLatencyMs) })
  const secretsOrigin = await service('secrets', (port) => ({
    ...awsEnv(remoteOrigin),
    PAPERCLIP_SECRETS_PORT: String(port),
    PAPERCLIP_INTERNAL_KEYS_FILE: keys.verifierFile,
    PAPERCLIP_SECRETS_MASTER_KEY: keys.masterKey
  }))
  const gatewayOrigin = await service('gateway', (port) => ({
    PORT: String(port),
    PAPERCLIP_SECRETS_URL: secretsOrigin,
    PAPERCLIP_GATEWAY_KEY_FILE: keys.gatewayFile,
    PAPERCLIP_AGENT_JWT_SECRET: keys.agentJwtSecret
  }))
  return { database, keys, gatewayOrigin, secretsOrigin, remoteOrigin, startOwn }
}

/** AWS as an operator sets it up, with credentials in the environment. They open nothing. */
function awsEnv(endpoint: string): Record<string, string> {
  return {
    PAPERCLIP_SECRETS_AWS_REGION: 'us-east-1',
    PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID: remoteNamespace,
    PAPERCLIP_SECRETS_AWS_ENDPOINT: endpoint,
    AWS_ACCESS_KEY_ID: 'ASIABENCHBENCHBENCH1',
    AWS_SECRET_ACCESS_KEY: 'only-for-the-stub-only-for-the-stub',
    AWS_SESSION_TOKEN: 'only-for-the-stub'
  }
}

function profiling(folder: string | null, name: string): string[] {
  return folder === null
    ? []
    : ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`]
}
