import { isUuid } from '@paperclip/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from './app-error.js'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const mediaType = /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i
/** Objects and arrays within each other; no route takes a body that comes near. */
const depthMax = 32
const surrogateEscape = /\\u[dD][89a-fA-F]/

/**
 * Makes `application/json` the only body: strict UTF-8 (RFC 3629), well-formed strings, no `__proto__`, no
 * deeper nesting than any route could mean.
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
      if (error) {
        done(new AppError('invalid_request', { detail: 'The body is not valid JSON.' }))
        return
      }
      const detail = faultOf(value, { checkStrings: surrogateEscape.test(text) })
      if (detail === null) done(null, value)
      else done(new AppError('invalid_request', { detail }))
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

/** What is wrong with a parsed body, or null. Goes down level by level, so that no depth can exhaust the stack. */
function faultOf(body: unknown, { checkStrings }: { checkStrings: boolean }): string | null {
  const isBroken = (value: unknown) => checkStrings && typeof value === 'string' && !value.isWellFormed()
  const halfPair = 'The body has a string with half a surrogate pair.'
  if (isBroken(body)) return halfPair
  let level = isContainer(body) ? [body] : []
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > depthMax) return `The body nests deeper than ${depthMax} levels.`
    const next: object[] = []
    for (const container of level) {
      if (checkStrings && Object.keys(container).some(isBroken)) return halfPair
      for (const member of Object.values(container)) {
        if (isBroken(member)) return halfPair
        if (isContainer(member)) next.push(member)
      }
    }
    level = next
  }
  return null
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
