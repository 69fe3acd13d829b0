import { type SessionCookieName, securityOf, securitySchemes } from './open-api-security.js'
import { Problem } from './problem.js'
import { rateLimits } from './rate-limits.js'
import type { Route } from './route.js'
import { nounOf } from './routes.js'

/** A path or query parameter. */
export interface ApiParameter {
  name: string
  in: 'path' | 'query'
  required: boolean
  schema: object
}

/** A reply, or a reference to one that many operations give. */
export type ApiResponse =
  | { $ref: string }
  | { description: string; headers?: object; content: Readonly<Record<string, { schema: object }>> }

/** One operation; members that begin with `x-` are what this API knows beyond OpenAPI. */
export interface ApiOperation {
  operationId: string
  summary: string
  tags: readonly string[]
  security: readonly object[]
  'x-actors': readonly string[]
  'x-credentials'?: readonly string[]
  'x-least-role'?: string
  'x-instance-admin'?: true | 'or_self'
  'x-problems': readonly string[]
  'x-rate-limit'?: { max: number; windowSeconds: number; by: string }
  parameters: readonly ApiParameter[]
  requestBody?: { required: boolean; content: Readonly<Record<string, { schema: object }>> }
  responses: Readonly<Record<string, ApiResponse>>
}

/** An OpenAPI 3.1 document. */
export interface ApiDocument {
  openapi: '3.1.0'
  info: { title: string; version: string }
  servers: readonly { url: string }[]
  tags: readonly { name: string }[]
  paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>
  components: object
}

interface DocumentOptions {
  title: string
  version: string
  /** Where the routes are served, like `/api`. */
  prefix: string
  sessionCookie: SessionCookieName
}

/** Builds the OpenAPI 3.1 document of some routes below a prefix. Schemas are the ones that validate. */
export function openApiDocument(
  routes: readonly Route[],
  { title, version, prefix, sessionCookie }: DocumentOptions
): ApiDocument {
  const paths: Record<string, Record<string, ApiOperation>> = {}
  for (const route of routes) {
    const path = prefix + route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][route.method.toLowerCase()] = operationOf(route, sessionCookie)
  }
  return {
    openapi: '3.1.0',
    info: { title, version },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(nounOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: securitySchemes(sessionCookie),
      schemas: { Problem },
      responses: { Problem: problemResponse, RateLimited: rateLimitedResponse }
    }
  }
}

const problemContent = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
const problemResponse: ApiResponse = {
  description:
    'A problem document (RFC 9457); its code is one of `x-problems`, or one that any route may give.',
  content: problemContent
}
const rateLimitedResponse: ApiResponse = {
  description: 'Too many requests.',
  headers: {
    'Retry-After': {
      description: 'Seconds after which the next one may pass.',
      schema: { type: 'integer', minimum: 0 }
    }
  },
  content: problemContent
}

function operationOf(route: Route, sessionCookie: SessionCookieName): ApiOperation {
  const { schema, config } = route
  const { auth, limit } = config
  return {
    operationId: config.operationId,
    summary: config.summary,
    tags: [nounOf(route)],
    security: securityOf(auth, sessionCookie),
    'x-actors': auth.actors,
    ...(auth.credentials === undefined ? {} : { 'x-credentials': auth.credentials }),
    ...(auth.role === undefined ? {} : { 'x-least-role': auth.role }),
    ...(auth.instanceAdmin === undefined ? {} : { 'x-instance-admin': auth.instanceAdmin }),
    'x-problems': config.problems,
    ...(limit === undefined ? {} : { 'x-rate-limit': rateLimits[limit] }),
    parameters: [...parametersOf(schema.params, 'path'), ...parametersOf(schema.querystring, 'query')],
    ...(schema.body === undefined
      ? {}
      : {
          requestBody: {
            required: isBodyNeeded(schema.body),
            content: { 'application/json': { schema: schema.body } }
          }
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(schema.response).map(([status, reply]) => [
          status,
          { description: 'Success.', content: { [config.mediaType]: { schema: reply } } }
        ])
      ),
      ...(limit === undefined ? {} : { '429': { $ref: '#/components/responses/RateLimited' } }),
      '4XX': { $ref: '#/components/responses/Problem' },
      '5XX': { $ref: '#/components/responses/Problem' }
    }
  }
}

/** As the servers see it: without a body, members that are all optional are those of an empty object. */
function isBodyNeeded(schema: { required?: string[]; minProperties?: number }): boolean {
  return Boolean(schema.required?.length || schema.minProperties)
}

function parametersOf(schema: object | undefined, place: 'path' | 'query'): ApiParameter[] {
  if (schema === undefined || !('properties' in schema)) return []
  const required = 'required' in schema ? (schema.required as string[]) : []
  return Object.entries(schema.properties as Record<string, object>).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property
  }))
}
