import { isUuid } from '@paperclip/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from './app-error.js'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const mediaType = /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i
const surrogateEscape = /\\u[dD][89a-fA-F]/

/**
 * Makes `application/json` the only body: strict UTF-8 (RFC 3629), well-formed strings, no `__proto__`.
 *
 * An empty body counts as none; a schema whose members are all optional then sees `{}`, and a route that
 * takes no body refuses one that has members.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.decorateRequest('bodyBytes', null)
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    request.bodyBytes = bytes
    if (!mediaType.test(request.headers['content-type'] ?? '')) {
      done(new AppError('unsupported_media_type', { detail: 'Send application/json in UTF-8.' }))
      return
    }
    if (bytes.length === 0) {
      done(null, undefined)
      return
    }
    let text: string
    try {
      text = utf8.decode(bytes)
    } catch {
      done(new AppError('invalid_request', { detail: 'The body is not valid UTF-8.' }))
      return
    }
    parseJson(request, text, (error, value) => {
      if (error) done(new AppError('invalid_request', { detail: 'The body is not valid JSON.' }))
      else if (surrogateEscape.test(text) && !isWellFormed(value))
        done(new AppError('invalid_request', { detail: 'The body has a string with half a surrogate pair.' }))
      else done(null, value)
    })
  })
  app.addHook('preValidation', (request, _reply, done) => {
    try {
      fillOrRefuseBody(request)
      done()
    } catch (error) {
      done(error as Error)
    }
  })
  app.addHook('onRequest', (request, _reply, done) => {
    lowerCaseIds(request.params as Record<string, string>)
    done()
  })
}

function fillOrRefuseBody(request: FastifyRequest): void {
  if (request.is404) return
  const schema = request.routeOptions.schema?.body as
    | { required?: string[]; minProperties?: number }
    | undefined
  if (schema === undefined) {
    const { body } = request
    if (body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0))
      return
    throw new AppError('invalid_request', { detail: 'This route takes no body.' })
  }
  if (request.body === undefined && !schema.required?.length && !schema.minProperties) request.body = {}
}

/** An id in a path may be written in either case; rows, roles and signatures know the lower one. */
function lowerCaseIds(params: Record<string, string>): void {
  for (const name in params) {
    const value = params[name]
    if (isUuid(value)) params[name] = value.toLowerCase()
  }
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member))
}
