import { type ApiDocument, type ApiOperation, problems } from '@paperclip/contracts'
import { type Html, html } from '../page/html.js'
import { layout } from '../page/page-layout.js'
import { type OperationPlace, operationHtml } from './operation-html.js'

/**
 * Writes the API document as a page to read: no script, every operation and problem under an anchor of its own.
 * It says what the document says, and nothing of the instance.
 */
export function apiDocsPage(document: ApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation }))
  )
  const groups = document.tags.map(({ name }) => ({
    name,
    anchor: name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
    members: operations.filter(({ operation }) => operation.tags[0] === name)
  }))
  return layout({
    title: 'The API',
    wide: true,
    body: html`${introduction(document)}
<nav aria-label="Contents">
${groups.map(
  ({ name, anchor, members }) => html`<p><a href="#${anchor}">${name}</a>: ${contents(members)}</p>
`
)}
<p><a href="#problems">Problems</a></p>
</nav>
${groups.map(
  ({ name, anchor, members }) => html`<section aria-labelledby="${anchor}">
<h2 id="${anchor}">${name}</h2>
${members.map(({ operation, ...place }) => operationHtml(place, operation))}
</section>
`
)}
${problemTable}`
  })
}

function introduction({ info, components }: ApiDocument): Html {
  const hasSessions = 'session' in (components as { securitySchemes: object }).securitySchemes
  return html`<p>Version ${info.version}, and the same as an <a href="/api/openapi.json">OpenAPI 3.1 document</a>.</p>
<p>Requests and replies are JSON in UTF-8; a member that a body does not know is refused. A caller is known by
<code>Authorization: Bearer …</code> (a board key, an agent key or the token of a run)${
    hasSessions ? ', a person at a browser also by the cookie of the session' : ''
  }. Lists come in pages: follow the <code>Link</code> header. After a <code>429</code> wait as long as
<code>Retry-After</code> says.</p>`
}

function contents(members: readonly (OperationPlace & { operation: ApiOperation })[]): Html[] {
  return members.map(
    ({ operation: { operationId } }, at) =>
      html`${at === 0 ? '' : ', '}<a href="#${operationId}">${operationId}</a>`
  )
}

const problemTable = html`<section aria-labelledby="problems">
<h2 id="problems">Problems</h2>
<p>Every error is a problem document (RFC 9457) with one of these codes; its <code>detail</code> says more.</p>
<table>
<thead><tr><th scope="col">Status</th><th scope="col">Code</th><th scope="col">What it means</th></tr></thead>
<tbody>
${Object.entries(problems).map(
  ([code, { status, title }]) =>
    html`<tr id="problem-${code}"><td>${status}</td><th scope="row"><code>${code}</code></th><td>${title}</td></tr>
`
)}</tbody>
</table>
</section>`
