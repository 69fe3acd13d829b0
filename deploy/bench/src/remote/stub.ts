/**
 * A stand-in for AWS Secrets Manager that only takes its time: it keeps what CreateSecret gives it and answers
 * GetSecretValue after a fixed latency. It verifies nothing, neither signature nor permission (the tests of the
 * secrets service have one that does), so that what it costs is known. Paths other than `/` are the bench's own.
 */
import { createServer, type ServerResponse } from 'node:http'

interface Version {
  readonly arn: string
  readonly versionId: string
  readonly value: string
}

const { BENCH_PORT = '0', BENCH_LATENCY_MS = '0' } = process.env
const latencyMs = Number(BENCH_LATENCY_MS)
/** Timers come as much as this late, and always at whole milliseconds, which would hide what is measured. */
const timerSlackMs = 2

/** By ARN and by name. */
const secrets = new Map<string, Version>()
let reads = 0
let held: (() => void)[] | null = null

const operations: Record<string, (input: Record<string, string>, response: ServerResponse) => void> = {
  CreateSecret({ Name: name = '', ClientRequestToken: versionId = '', SecretString: value = '' }, response) {
    const arn = `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-bEnch1`
    secrets.set(name, { arn, versionId, value }).set(arn, { arn, versionId, value })
    send(response, { ARN: arn, Name: name, VersionId: versionId })
  },
  GetSecretValue({ SecretId: secretId = '' }, response) {
    const found = secrets.get(secretId)
    if (found === undefined) return send(response, { __type: 'ResourceNotFoundException' }, 400)
    reads += 1
    const { arn, versionId, value } = found
    const answer = () => send(response, { ARN: arn, VersionId: versionId, SecretString: value })
    if (held === null) after(latencyMs, answer)
    else held.push(answer)
  }
}

const controls: Record<string, () => object> = {
  '/ready': () => ({}),
  '/reads': () => ({ reads }),
  '/hold': () => {
    held = []
    return {}
  },
  '/release': () => {
    for (const answer of held ?? []) answer()
    held = null
    return {}
  }
}

createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  request.on('end', () => {
    const control = controls[request.url ?? '']
    if (control !== undefined) return send(response, control())
    const operation = operations[request.headers['x-amz-target']?.toString().split('.')[1] ?? '']
    if (operation === undefined) return send(response, { __type: 'UnknownOperationException' }, 400)
    operation(JSON.parse(text), response)
  })
}).listen(Number(BENCH_PORT), '127.0.0.1')

function send(response: ServerResponse, body: object, status = 200): void {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, headers).end(text)
}

/** Sleeps for the most part and is awake for the rest: exact to some microseconds. */
function after(ms: number, act: () => void): void {
  const dueMs = performance.now() + ms
  const look = () => (performance.now() < dueMs ? setImmediate(look) : act())
  setTimeout(look, Math.max(0, ms - timerSlackMs))
}
