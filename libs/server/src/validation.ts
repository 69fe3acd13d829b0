import { isCredentialName, looksLikeCredential } from '@paperclip/contracts'
import { Ajv, type ErrorObject } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { AppError } from './app-error.js'

const common = { allErrors: false, removeAdditional: false, useDefaults: false, strict: false } as const

/** Bodies are taken as they are; parameters and queries are text, so they are converted. Nothing is dropped. */
export function validateStrictly(app: FastifyInstance): void {
  const strict = new Ajv({ ...common, coerceTypes: false })
  const converting = new Ajv({ ...common, coerceTypes: true })
  addFormats.default(strict)
  addFormats.default(converting)
  const compiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) =>
    (httpPart === 'body' ? strict : converting).compile(schema)
  app.setValidatorCompiler(compiler)
}

/** Turns a validation failure into a problem: a bad path is 404, anything else 400 with its place, never the value. */
export function validationProblem(part: string | undefined, errors: readonly ErrorObject[]): AppError {
  if (part === 'params') return new AppError('not_found')
  const error = mostTelling(errors)
  const pointer = pointerOf(error, part)
  const message = messageOf(error)
  const place =
    part === 'querystring' ? `Query parameter "${pointer.slice(1)}"` : `Body member "${pointer || '/'}"`
  return new AppError('invalid_request', { detail: `${place} ${message}.`, errors: [{ pointer, message }] })
}

/** Of the branches of a union, the error that lies deepest names the real fault. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject {
  const [first] = errors
  if (first === undefined) throw new TypeError('validation failed without an error')
  return errors.reduce((best, error) => (depth(error) > depth(best) ? error : best), first)
}

function depth(error: ErrorObject): number {
  const specific =
    error.keyword === 'anyOf' || error.keyword === 'const' || error.keyword === 'type' ? 0 : 0.5
  return error.instancePath.split('/').length + specific
}

function pointerOf(error: ErrorObject, part: string | undefined): string {
  const missing = error.keyword === 'required' ? `/${String(error.params.missingProperty)}` : ''
  const unknown =
    error.keyword === 'additionalProperties' && isPlainName(error.params.additionalProperty)
      ? `/${error.params.additionalProperty}`
      : ''
  const path = error.instancePath.split('/').map(shownStep).join('/')
  const pointer = path + missing + unknown
  return part === 'querystring' ? `?${pointer.slice(1)}` : pointer
}

/** In a map, names are the caller's own: what looks like a value that slipped into their place is not repeated. */
function shownStep(step: string): string {
  const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
  return name.length > 80 || looksLikeCredential(name) ? '…' : step
}

/** A member name is repeated only when it cannot be a value that slipped into the wrong place. */
function isPlainName(name: unknown): name is string {
  return typeof name === 'string' && /^[A-Za-z][A-Za-z_]{0,31}$/.test(name)
}

function messageOf(error: ErrorObject): string {
  switch (error.keyword) {
    case 'additionalProperties':
      return isCredentialName(String(error.params.additionalProperty))
        ? 'is not known, and is named like a credential: none is taken here'
        : 'is not known'
    case 'required':
      return 'is required'
    case 'enum':
      return `must be one of ${(error.params.allowedValues as unknown[]).join(', ')}`
    default:
      return error.message ?? 'is not valid'
  }
}
