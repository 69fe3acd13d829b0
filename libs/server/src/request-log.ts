import type { FastifyInstance } from 'fastify'
import { type DestinationStream, destination, type Logger, pino } from 'pino'

/** Backstop only: nothing on purpose logs these. Paths are pino's, and case-sensitive. */
const redactedPaths = [
  'authorization',
  'cookie',
  'value',
  'token',
  'headers.authorization',
  'headers.cookie',
  'headers["set-cookie"]',
  'headers.signature'
]

/** Log lines are written together once this much has come: each write wakes a thread, 13 % of a busy gateway at 4 KiB. */
const bufferBytesMax = 64 * 1024
/** What is in the buffer is written at least this often, and when the process stops. */
const flushEveryMs = 200

/** Makes the one logger of a process: JSON lines on stdout, written aside so that no request waits for a disk. */
export function createLogger({
  service,
  level,
  stream
}: {
  service: string
  level: string
  stream?: DestinationStream
}): Logger {
  const sink =
    stream ?? destination({ dest: 1, sync: false, minLength: bufferBytesMax, maxWrite: 2 * bufferBytesMax })
  const logger = pino({ level, base: { service }, redact: redactedPaths, timestamp: isoTime }, sink)
  if (stream === undefined) setInterval(() => logger.flush(), flushEveryMs).unref()
  return logger
}

function isoTime(): string {
  return `,"time":"${new Date().toISOString()}"`
}

/** Writes one line a request: what, who, outcome, how long. Never a URL with its query, a header or a body. */
export function logRequests(app: FastifyInstance): void {
  app.decorateRequest('actorId', null)
  // Callback style: a promise for each request is measurable on the resolve path.
  app.addHook('onResponse', (request, reply, done) => {
    const { config, url } = request.routeOptions
    if (config.quiet) {
      done()
      return
    }
    request.log.info({
      requestId: request.id,
      operationId: config.operationId,
      method: request.method,
      route: url,
      status: reply.statusCode,
      actorId: request.actorId,
      ms: Math.round(reply.elapsedTime * 10) / 10
    })
    done()
  })
}
