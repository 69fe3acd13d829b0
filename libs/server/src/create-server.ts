import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { ServerOptions as HttpsOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import underPressure from '@fastify/under-pressure'
import { limits, problemOf, providerHandlerMsMax, type RouteAuth } from '@paperclip/contracts'
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  fastify,
  LogController,
  type RawServerDefault
} from 'fastify'
import type { Logger } from 'pino'
import { AppError } from './app-error.js'
import { drainOnClose } from './drain.js'
import { acceptJsonOnly } from './json-body.js'
import { type Handshakes, watchHandshakes } from './mutual-tls.js'
import { answerWithProblems, type ErrorClassifier, problemOfFastify, sendProblem } from './problem-handler.js'
import { logRequests } from './request-log.js'
import { validateStrictly } from './validation.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, for whoever must check a digest. */
    bodyBytes: Buffer | null
    /** Who called, for the log; set by authentication. */
    actorId: string | null
  }
  interface FastifyInstance {
    /** Null unless the server speaks TLS. */
    handshakes: Handshakes | null
  }
  interface FastifyContextConfig {
    /** No request line: probes come every second. */
    quiet?: boolean
  }
}

interface ServerOptions {
  logger: Logger
  /** The private hop carries memberships in a header; the outside has no such need. */
  headerBytesMax: number
  /** Networks, or a judge of them, whose `X-Forwarded-*` count; false: nobody's. */
  trustProxy: false | string[] | ((address: string, hop: number) => boolean)
  classify: ErrorClassifier
  /** Speaks https with these, mutual when they say so; plain http when absent or null. */
  tls?: HttpsOptions | null
  /** Routes that plugins add without a word about their callers, and who those are. */
  pluginRoutes?: readonly PluginRoute[]
}

/** A route whose options are not ours to write. */
interface PluginRoute {
  readonly method: string
  readonly url: string
  readonly auth: RouteAuth
}

const requestTimeoutMs = 10_000
const headersTimeoutMs = 10_000
/** Node looks for requests that are late this often; its own 30 s would let them be late by as much again. */
const lateCheckIntervalMs = 1_000
/** A connection may be silent for so long: longer than any handler, whose own limit must come first with an answer. */
const connectionTimeoutMs = providerHandlerMsMax + 10_000
/** Longer than any caller keeps an idle connection, so that the caller is the one to close it. */
const keepAliveTimeoutMs = 72_000
const paramCharsMax = 256
const requestsPerSocketMax = 100_000
/** Mean delay of the event loop over one sample beyond which requests are refused. */
const eventLoopDelayMsMax = 1_000
/** A sample without one turn of the loop counts as pressure: long enough that a busy start does not look so. */
const pressureSampleMs = 5_000

export type Server = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/**
 * Makes the chassis of a service: limits, strict JSON, strict validation, problem documents, request log, and
 * refusal under pressure. A route that does not declare who may call it stops the boot.
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const http = {
    maxHeaderSize: options.headerBytesMax,
    headersTimeout: headersTimeoutMs,
    connectionsCheckingInterval: lateCheckIntervalMs
  }
  const { tls = null } = options
  let handshakes: Handshakes | null = null
  const app = fastify({
    loggerInstance: options.logger as FastifyBaseLogger,
    // One line of our own a request, and no child logger each: lines carry the request's id themselves.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (parent) => parent,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: connectionTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxRequestsPerSocket: requestsPerSocketMax,
    routerOptions: { maxParamLength: paramCharsMax },
    trustProxy: options.trustProxy,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // What no route is looked for, such as a path that is no text, comes past every hook.
    frameworkErrors: (error, request, reply) => void sendProblem(request, reply, problemOfFastify(error)),
    clientErrorHandler: (error, socket) => {
      // A handshake that failed: whoever it was hears nothing.
      if (handshakes !== null && !handshakes.isSecure(socket)) socket.destroy()
      else answerBrokenRequest(error, socket)
    },
    ...(tls === null ? { http } : { https: { ...tls, ...http } })
  }).withTypeProvider<TypeBoxTypeProvider>()

  app.addHook('onRoute', (route) => {
    const added = options.pluginRoutes?.find(
      ({ method, url }) => method === route.method && url === route.url
    )
    if (added !== undefined) route.config = { auth: added.auth, ...route.config }
    if (route.config?.auth === undefined)
      throw new TypeError(`route ${String(route.method)} ${route.url} does not declare who may call it`)
  })
  handshakes = watchHandshakes(app)
  app.decorate('handshakes', handshakes)
  drainOnClose(app)
  answerWithProblems(app, options.classify)
  validateStrictly(app)
  acceptJsonOnly(app)
  logRequests(app)
  await app.register(underPressure, {
    maxEventLoopDelay: eventLoopDelayMsMax,
    sampleInterval: pressureSampleMs,
    pressureHandler: () => {
      throw new AppError('overloaded', {
        detail: 'The service is busy. Try again shortly.',
        retryAfterSeconds: 1
      })
    }
  })
  return app
}

/** What came was not HTTP, or its headers were too large: answer once and close. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const problem = isTooLarge
    ? problemOf('headers_too_large', { requestId: '-' })
    : problemOf('invalid_request', { detail: 'The request is not valid HTTP.', requestId: '-' })
  const body = JSON.stringify(problem)
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nconnection: close\r\ncontent-type: application/problem+json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}
