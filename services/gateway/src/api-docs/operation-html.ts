import type { ApiOperation, ApiParameter, ApiResponse } from '@paperclip/contracts'
import { type Html, html } from '../page/html.js'
import { type ReadableSchema, schemaText } from './schema-text.js'

/** Where an operation is served. */
export interface OperationPlace {
  method: string
  path: string
}

const actorNames: Readonly<Record<string, string>> = {
  anon: 'anybody',
  board: 'people',
  agent_key: 'agents by key',
  run: 'runs'
}

/** Writes one operation: who may call it, what it takes and gives, and what can go wrong. */
export function operationHtml({ method, path }: OperationPlace, operation: ApiOperation): Html {
  const { operationId, summary, parameters, requestBody } = operation
  return html`<article id="${operationId}" aria-labelledby="${operationId}-title">
<h3 id="${operationId}-title"><a href="#${operationId}"><code>${method.toUpperCase()} ${path}</code></a></h3>
<p>${summary}</p>
<dl>${facts(operation).map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
${parameters.length === 0 ? [] : parameterTable(parameters)}
${requestBody === undefined ? [] : Object.entries(requestBody.content).map(([type, { schema }]) => schemaBlock(`Body${requestBody.required ? '' : ', may be absent'}`, type, schema))}
${Object.entries(operation.responses).flatMap(replyBlocks)}
</article>
`
}

function facts(operation: ApiOperation): [string, Html | string][] {
  const limit = operation['x-rate-limit']
  const problems = operation['x-problems']
  const least = operation['x-least-role']
  const admin = operation['x-instance-admin']
  const credentials = operation['x-credentials']
  return [
    ['For', operation['x-actors'].map((kind) => actorNames[kind] ?? kind).join(', ')],
    ...some('Company role', least && `${least} or above`),
    ...some('Instance admin', admin && (admin === 'or_self' ? 'needed, but for oneself' : 'needed')),
    ...some('Signed in by', credentials?.map((kind) => kind.replaceAll('_', ' ')).join(', ')),
    ...some('Limit', limit && `${limit.max} in ${limit.windowSeconds} s by ${limit.by}`),
    ...some('Problems', problems.length > 0 ? problemLinks(problems) : undefined)
  ]
}

function some(name: string, text: Html | string | undefined): [string, Html | string][] {
  return text === undefined ? [] : [[name, text]]
}

function problemLinks(codes: readonly string[]): Html {
  return html`${codes.map((code, at) => html`${at === 0 ? '' : ', '}<a href="#problem-${code}"><code>${code}</code></a>`)}`
}

function parameterTable(parameters: readonly ApiParameter[]): Html {
  return html`<table>
<thead><tr><th scope="col">Parameter</th><th scope="col">In</th><th scope="col">What</th></tr></thead>
<tbody>
${parameters.map(
  ({ name, in: place, required, schema }) =>
    html`<tr><th scope="row"><code>${name}${required ? '' : '?'}</code></th><td>${place}</td><td>${schemaText(schema as ReadableSchema)}</td></tr>
`
)}</tbody>
</table>`
}

function replyBlocks([status, reply]: [string, ApiResponse]): Html[] {
  if ('$ref' in reply) return []
  return Object.entries(reply.content).map(([type, { schema }]) =>
    schemaBlock(`Reply ${status}`, type, schema)
  )
}

function schemaBlock(title: string, mediaType: string, schema: object): Html {
  return html`<h4>${title} <small>${mediaType}</small></h4>
<pre tabindex="0"><code>${schemaText(schema as ReadableSchema)}</code></pre>
`
}
