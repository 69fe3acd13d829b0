import { Problem, problemOf } from '@paperclip/contracts'
import type { ErrorObject } from 'ajv'
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from './app-error.js'
import { validationProblem } from './validation.js'

/** Lets a service recognise its own lower-level errors (a lost database, say) before they become a 500. */
export type ErrorClassifier = (error: Error) => AppError | undefined

/** Makes every error a problem document, and writes the cause of a 500 to the log only. */
export function answerWithProblems(app: FastifyInstance, classify: ErrorClassifier): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = error instanceof AppError ? error : (classify(error) ?? problemOfFastify(error))
    logFailure(request.log, problem, { requestId: request.id, error })
    return sendProblem(request, reply, problem)
  })
  app.setNotFoundHandler((request, reply) => sendProblem(request, reply, new AppError('not_found')))
  app.addHook('onRoute', (route) => {
    const response = (route.schema?.response ?? {}) as Record<string, unknown>
    route.schema = { ...route.schema, response: { '4xx': Problem, '5xx': Problem, ...response } }
  })
}

/** Sends one problem document. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: AppError): FastifyReply {
  if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', problem.retryAfterSeconds)
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  const body = problemOf(problem.code, {
    detail: problem.message,
    requestId: request.id,
    errors: problem.errors
  })
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .header('content-type', 'application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(body)
}

/** Writes what a caller is not told: the cause of a 5xx. Anything below says itself what is wrong. */
export function logFailure(
  log: FastifyBaseLogger,
  problem: AppError,
  { requestId, error }: { requestId: string; error: unknown }
): void {
  if (problem.status < 500) return
  const cause = problem.cause instanceof Error ? problem.cause : error
  const level = problem.code === 'internal_error' ? 'error' : 'warn'
  log[level](
    { requestId, code: problem.code, context: problem.context, cause: describe(cause) },
    'request failed'
  )
}

/** Name, code and stack frames of an error: messages of libraries may repeat what they were given. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return {}
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return {
    name: error.name,
    code: (error as { code?: unknown }).code,
    message: error instanceof AppError ? error.message : undefined,
    frames: frames.slice(0, 8).map((line) => line.trim())
  }
}

/** Gives the problem of an error that Fastify itself found. Repeats nothing of what came. */
export function problemOfFastify(error: FastifyError): AppError {
  if (error.validation) return validationProblem(error.validationContext, error.validation as ErrorObject[])
  const detail = fastifyDetails[error.code]
  if (error.statusCode === 413)
    return new AppError('payload_too_large', { detail: 'The body is larger than this route takes.' })
  if (error.statusCode === 415) return new AppError('unsupported_media_type')
  if (error.statusCode === 404) return new AppError('not_found')
  if (error.statusCode === 503) return new AppError('overloaded', { cause: error, retryAfterSeconds: 1 })
  if (error.statusCode !== undefined && error.statusCode < 500)
    return new AppError('invalid_request', detail === undefined ? {} : { detail })
  return new AppError('internal_error', { cause: error })
}

const fastifyDetails: Record<string, string> = {
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as its Content-Length says.',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty.',
  FST_ERR_BAD_URL: 'The path is not valid.'
}
