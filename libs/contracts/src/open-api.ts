import { rateLimits } from './rate-limits.js'
import type { Route } from './route.js'

/** Builds the OpenAPI 3.1 document of some routes below a prefix. Schemas are the ones that validate. */
export function openApiDocument(
  routes: readonly Route[],
  { title, version, prefix }: { title: string; version: string; prefix: string }
): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = prefix + route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][route.method.toLowerCase()] = operationOf(route)
  }
  return {
    openapi: '3.1.0',
    info: { title, version },
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: {}
    },
    security: [{}, { bearer: [] }]
  }
}

function operationOf(route: Route): object {
  const { params, querystring, body, response } = route.schema
  const problem = { description: 'A problem document (RFC 9457).' }
  return {
    operationId: route.config.operationId,
    summary: route.config.summary,
    'x-actors': route.config.auth.actors,
    ...(route.config.auth.role === undefined ? {} : { 'x-least-role': route.config.auth.role }),
    'x-problems': route.config.problems,
    ...(route.config.limit === undefined ? {} : { 'x-rate-limit': rateLimits[route.config.limit] }),
    parameters: [...parametersOf(params, 'path'), ...parametersOf(querystring, 'query')],
    ...(body === undefined
      ? {}
      : { requestBody: { required: isBodyNeeded(body), content: { 'application/json': { schema: body } } } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(response).map(([status, schema]) => [
          status,
          { description: 'Success.', content: { [route.config.mediaType]: { schema } } }
        ])
      ),
      '4XX': problem,
      '5XX': problem
    }
  }
}

/** As the servers see it: without a body, members that are all optional are those of an empty object. */
function isBodyNeeded(schema: { required?: string[]; minProperties?: number }): boolean {
  return Boolean(schema.required?.length || schema.minProperties)
}

function parametersOf(schema: object | undefined, place: 'path' | 'query'): object[] {
  if (schema === undefined || !('properties' in schema)) return []
  const required = 'required' in schema ? (schema.required as string[]) : []
  return Object.entries(schema.properties as Record<string, object>).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property
  }))
}
