/**
 * A strict stand-in for AWS Secrets Manager on a loopback port. It verifies signatures, tokens, permissions and
 * parameters as the service documents them, so that a caller that passes here has not been let off anything.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deleteSecret, restoreSecret } from './delete-operations.js'
import { answerBadly, answerError, type Fault, FaultQueue } from './emulator-faults.js'
import { errorText, HeldSecrets } from './held-secrets.js'
import { allowAll, authorizeBy, type Policy } from './iam-policy.js'
import { listSecrets } from './list-operation.js'
import type { Operation } from './operation.js'
import { describeSecret, getSecretValue } from './read-operations.js'
import { createRemoteAccount, type RemoteAccount } from './remote-account.js'
import { RequestParameters } from './request-parameters.js'
import { ServiceError } from './service-error.js'
import { authenticate, type KnownCredential } from './sigv4.js'
import { createSecret, putSecretValue, tagResource, updateSecretVersionStage } from './write-operations.js'

const operations: Readonly<Record<string, Operation>> = {
  CreateSecret: createSecret,
  PutSecretValue: putSecretValue,
  GetSecretValue: getSecretValue,
  DescribeSecret: describeSecret,
  DeleteSecret: deleteSecret,
  RestoreSecret: restoreSecret,
  ListSecrets: listSecrets,
  UpdateSecretVersionStage: updateSecretVersionStage,
  TagResource: tagResource
}

/** What the service saw of one request, and what it made of it; never a value. */
export interface LogEntry {
  readonly operation: string
  readonly secretId: string | null
  readonly versionId: string | null
  readonly accessKeyId: string | null
  /** `ok`, the type of the error, or `not_applied` when the request was lost before its effect. */
  readonly outcome: string
  readonly fault: Fault['effect'] | null
}

/** What a test may change while the service runs. */
export interface EmulatorSettings {
  credentials: KnownCredential[]
  policy: Policy
  /** How far ListSecrets is behind. */
  listLagMs: number
  nowMs: () => number
  /** Requests that are answered in one second; the others are throttled. */
  requestsPerSecondMax: number
  /** What answers wait for, once their request is in the log. */
  answersAfter: Promise<void>
  /** Has every error text, pages of proxies included, give away values, names, ARNs, the account and credentials. */
  errorsEcho: boolean
}

export interface Emulator {
  readonly origin: string
  readonly region: string
  readonly account: RemoteAccount
  readonly settings: EmulatorSettings
  readonly faults: FaultQueue
  readonly log: LogEntry[]
  readonly held: HeldSecrets
  /** Makes a secret without a request. */
  seed(parameters: Record<string, unknown>): void
  close(): Promise<void>
}

/** The credential that is known unless a test says otherwise: temporary, as roles have them. */
export const testCredential: KnownCredential = {
  accessKeyId: 'ASIATESTTESTTESTTEST',
  secretAccessKey: 'only-for-the-emulator-only-for-the-emulator',
  sessionToken: 'token-only-for-the-emulator//=='
}

const bodyBytesMax = 1024 * 1024
const standard = {
  region: 'us-east-1',
  accountId: '123456789012',
  partition: 'aws',
  port: 0,
  /** Told of each request once it is in the log. */
  onRequest: (_: LogEntry): void => {}
}

type Running = Pick<Emulator, 'account' | 'settings' | 'faults' | 'log' | 'held'> & {
  answered: number[]
  onRequest: (entry: LogEntry) => void
}

/** Every emulator of this process, so that whatever watches for leaks knows what to look for. */
export const startedEmulators: Emulator[] = []

/** Starts it; close it at the end of the test. */
export async function startEmulator(options: Partial<typeof standard> = {}): Promise<Emulator> {
  const { port, onRequest, ...place } = { ...standard, ...options }
  const running: Running = {
    account: createRemoteAccount(place),
    settings: {
      credentials: [testCredential],
      policy: allowAll,
      listLagMs: 0,
      nowMs: Date.now,
      requestsPerSecondMax: Number.POSITIVE_INFINITY,
      answersAfter: Promise.resolve(),
      errorsEcho: false
    },
    faults: new FaultQueue(),
    log: [],
    held: new HeldSecrets(),
    answered: [],
    onRequest
  }
  const server = createServer((request, response) => {
    answer(running, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const emulator: Emulator = {
    ...running,
    region: place.region,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seed(parameters) {
      const body = Buffer.from(JSON.stringify(parameters))
      running.held.note(body)
      createSecret(callOf(running, new RequestParameters(body), allowAll))
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
  startedEmulators.push(emulator)
  return emulator
}

async function answer(running: Running, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request)
  running.held.note(body)
  const { account, settings, held } = running
  const { credentials } = settings
  const word = (text: string) =>
    errorText(text, settings.errorsEcho ? { accountId: account.accountId, credentials, held, body } : null)
  // Clients correct their own clock by this header, and they shall see the one of the service.
  response.setHeader('date', new Date(running.settings.nowMs()).toUTCString())
  const operation =
    /^secretsmanager\.(\w+)$/.exec(request.headers['x-amz-target']?.toString() ?? '')?.[1] ?? ''
  const fault = running.faults.take(operation)
  const seen = { operation, ...namesIn(body), fault: fault?.effect ?? null }
  if (fault !== undefined && fault.applied !== true && fault.effect !== 'slow') {
    note(running, { ...seen, accessKeyId: null, outcome: 'not_applied' })
    answerBadly(response, fault, { body: '{}', word })
    return
  }
  const { accessKeyId, result } = perform(running, { operation, request, body })
  const refused = result instanceof ServiceError
  const outcome = refused ? (result.type.split('#').at(-1) ?? result.type) : 'ok'
  note(running, { ...seen, accessKeyId, outcome })
  await running.settings.answersAfter
  if (refused) return answerError(response, result, word(result.message))
  if (fault !== undefined) return answerBadly(response, fault, { body: JSON.stringify(result), word })
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
  response.end(JSON.stringify(result))
}

function note(running: Running, entry: LogEntry): void {
  running.log.push(entry)
  running.onRequest(entry)
}

interface Arrived {
  readonly operation: string
  readonly request: IncomingMessage
  readonly body: Buffer
}

/** Who is it, is there room, is it well formed, may he, and then the thing itself. */
function perform(running: Running, { operation, request, body }: Arrived) {
  let accessKeyId: string | null = null
  try {
    accessKeyId = whoAsks(running, request, body).accessKeyId
    const perform = operations[operation]
    if (request.url !== '/' || request.method !== 'POST' || perform === undefined)
      throw new ServiceError('com.amazon.coral.service#UnknownOperationException', 'no such operation')
    if (request.headers['content-type'] !== 'application/x-amz-json-1.1')
      throw new ServiceError('com.amazon.coral.service#SerializationException', 'not JSON 1.1')
    takeRate(running)
    const parameters = new RequestParameters(body)
    return { accessKeyId, result: perform(callOf(running, parameters, running.settings.policy)) }
  } catch (error) {
    if (error instanceof ServiceError) return { accessKeyId, result: error }
    throw error
  }
}

function whoAsks({ settings, account }: Running, request: IncomingMessage, body: Buffer): KnownCredential {
  const raw = request.rawHeaders
  const headers = raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []))
  const received = { method: request.method ?? '', target: request.url ?? '', headers, body }
  const { credentials, nowMs } = settings
  return authenticate(received, {
    credentials,
    region: account.region,
    service: 'secretsmanager',
    nowMs: nowMs()
  })
}

function takeRate(running: Running): void {
  const { requestsPerSecondMax, nowMs } = running.settings
  const now = nowMs()
  running.answered = running.answered.filter((at) => at > now - 1000)
  if (running.answered.length >= requestsPerSecondMax)
    throw new ServiceError('ThrottlingException', 'the rate is exceeded')
  running.answered.push(now)
}

function callOf({ account, settings }: Running, parameters: RequestParameters, policy: Policy) {
  const principal = `arn:${account.partition}:sts::${account.accountId}:assumed-role/paperclip/test`
  const { nowMs, listLagMs } = settings
  return { account, parameters, authorize: authorizeBy(policy, principal), nowMs: nowMs(), listLagMs }
}

function namesIn(body: Buffer): Pick<LogEntry, 'secretId' | 'versionId'> {
  try {
    const parameters = new RequestParameters(body)
    return {
      secretId: parameters.find('SecretId') ?? parameters.find('Name'),
      versionId: parameters.find('VersionId') ?? parameters.find('ClientRequestToken')
    }
  } catch {
    return { secretId: null, versionId: null }
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > bodyBytesMax) throw new Error('the body is too large')
    parts.push(part)
  }
  return Buffer.concat(parts)
}
