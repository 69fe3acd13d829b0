import { randomBytes } from 'node:crypto'
import { newId } from '@paperclip/contracts'
import t from 'tap'
import { ownPath } from '../browser/own-path.js'
import { html } from '../src/page/html.js'
import { testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const board = 'https://board.example.com'
const installation = await testInstallation(t)
const { gateway: local, log } = installation
const authenticated = {
  PAPERCLIP_DEPLOYMENT_MODE: 'authenticated',
  HOST: '127.0.0.1',
  BETTER_AUTH_SECRET: randomBytes(32).toString('base64url')
}
const gateway = await installation.start({
  ...authenticated,
  PAPERCLIP_ALLOWED_ORIGINS: `${board}, https://other.example.com:8443`
})
const hosted = await installation.start({
  ...authenticated,
  PAPERCLIP_PUBLIC_URL: 'https://paperclip.example.com'
})

const token = randomBytes(32).toString('base64url')
const code = randomBytes(8).toString('hex')
const pages = [
  '/sign-in', '/sign-in?next=%2F', '/sign-up', `/sign-up?invite=${token}`, '/board-claim', `/board-claim/${token}?code=${code}`,
  `/cli-auth/${newId()}?token=${token}`, '/cli-auth/x', '/invites', `/invites/${token}`
] // biome-ignore format: a list reads better packed
const formPolicy =
  "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'"

t.test(
  'every page is one that may run and load only what this gateway serves, and is never kept',
  async (t) => {
    for (const path of pages) {
      const { status, headers, text } = await gateway.call('GET', path)
      t.equal(status, 200, path)
      t.match(headers, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': formPolicy,
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin'
      })
      t.notMatch(
        text,
        /<style|style=|javascript:|\son\w+=|<script(?! type="module" src="\/assets\/)/i,
        'nothing inline'
      )
      t.notOk(text.includes(token) || text.includes(code), 'a token is not repeated in the page')
      for (const form of text.match(/<form[^>]*>/g) ?? [])
        t.match(form, /method="post"/, 'nothing that is typed can end up in an address')
    }
  }
)

t.test(
  'everything that pages and modules load is served, and every part a module speaks of is in its page',
  async (t) => {
    const seen = new Set<string>()
    for (const path of pages) {
      const { text } = await gateway.call('GET', path)
      for (const [, name = ''] of text.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g)) {
        seen.add(name)
        if (!name.endsWith('-page.js')) continue
        const module = await gateway.call('GET', `/assets/${name}`)
        for (const [, id] of module.text.matchAll(
          /\b(?:part|write|writeTime|show|onSubmit|onPress)\('([a-z-]+)'/g
        ))
          t.ok(text.includes(`id="${id}"`), `${path} has ${id}`)
      }
    }
    for (const name of seen) {
      const { status, headers, text } = await gateway.call('GET', `/assets/${name}`)
      t.equal(status, 200, name)
      t.match(headers['content-type'], /^(text\/(javascript|css); charset=utf-8|image\/svg\+xml)$/)
      for (const [, imported = ''] of text.matchAll(/from '\.\/([a-z-]+\.js)'/g)) seen.add(imported)
      t.notMatch(text, /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b/, 'text stays text')
      t.notMatch(text, /\b(localStorage|sessionStorage|document\.cookie)\b/, 'nothing is kept in the browser')
      const again = await gateway.call('GET', `/assets/${name}`, {
        headers: { 'if-none-match': headers.etag ?? '' }
      })
      t.same([again.status, again.text], [304, ''])
    }
    t.ok(seen.size > 8, `${seen.size} files`)
    for (const name of [
      'nothing.js',
      '..%2fpackage.json',
      '%2e%2e%2fsrc%2fmain.js',
      'account.d.ts',
      'tsconfig.tsbuildinfo'
    ])
      t.equal((await gateway.call('GET', `/assets/${name}`)).status, 404, name)
  }
)

t.test(
  'the API can be read without a script, in both modes: every operation and problem has its place',
  async (t) => {
    for (const each of [gateway, local]) {
      const { status, headers, text } = await each.call('GET', '/api/docs')
      t.equal(status, 200)
      t.match(headers, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy':
          "default-src 'none';style-src 'self';img-src 'self';form-action 'none';base-uri 'none';frame-ancestors 'none'"
      })
      t.notMatch(text, /<script|<style|style=|\son\w+=|undefined|\[object/)
      const { json } = await each.call('GET', '/api/openapi.json')
      const ids = [...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
      t.equal(new Set(ids).size, ids.length, 'no two have one anchor')
      const { paths } = json as unknown as { paths: Record<string, Record<string, { operationId: string }>> }
      const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
      t.ok(operations.length > 40)
      for (const { operationId } of operations) t.ok(ids.includes(operationId), operationId)
      for (const [, target] of text.matchAll(/href="#([^"]+)"/g)) t.ok(ids.includes(target), `#${target}`)
      for (const tag of ['article', 'section', 'table', 'pre', 'dl', 'p', 'tr', 'td', 'th', 'code', 'a'])
        t.equal(
          text.split(`<${tag}>`).length + text.split(`<${tag} `).length,
          text.split(`</${tag}>`).length + 1,
          tag
        )
    }
  }
)

t.test('whoever is not signed in is sent to sign in; no page does anything by being opened', async (t) => {
  t.match(await gateway.call('GET', '/'), { status: 303, headers: { location: '/sign-in' } })
  for (const path of pages.filter((each) => !each.includes('?')))
    for (const method of ['POST', 'PUT', 'DELETE', 'HEAD'])
      t.equal((await gateway.call(method, path)).status, 404, `${method} ${path}`)
  const id = '0197a3b0-0000-7000-8000-0000deadbeef'
  t.match((await gateway.call('GET', `/cli-auth/${id}`)).text, /<output id="code">DEAD-BEEF<\/output>/)
})

t.test('the host rule holds for pages, and in local_trusted there are none', async (t) => {
  for (const path of [...pages, '/', '/assets/page.css']) {
    const evil = await gateway.call('GET', path, { headers: { host: 'evil.example' } })
    t.match(evil, { status: 403, json: { code: 'host_not_allowed' } }, path)
    if (!path.startsWith('/assets')) t.equal((await local.call('GET', path)).status, 404, path)
  }
})

t.test('what an address carries is not in the log', async (t) => {
  for (const path of pages) await gateway.call('GET', path)
  await gateway.call('GET', `/api/board-claim/${token}?code=${code}`)
  t.match(log(), '"route":"/board-claim/:token"')
  t.notOk(log().includes(token) || log().includes(code))
})

t.test('markup is escaped wherever it is put in', async (t) => {
  const evil = `<b a="1" b='2'>&`
  const escaped = '&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;'
  t.equal(
    html`<p title="${evil}">${evil}${html`<i>${1}</i>`}${[]}</p>`.text,
    `<p title="${escaped}">${escaped}<i>1</i></p>`
  )
})

t.test('one is sent on to paths of this origin only', async (t) => {
  const origin = 'https://paperclip.example.com'
  for (const good of ['/', '/cli-auth/1?token=x', '/invites/a#b', '/?next=//evil.example', '/a//b'])
    t.equal(ownPath(good, origin), good)
  t.equal(ownPath('/a/../b', origin), '/b')
  const bad = [
    null, '', 'x', '//evil.example', '///evil.example', '/\\evil.example', '\\\\evil.example', '\\/evil.example',
    'https://evil.example', 'https:evil.example', 'javascript:alert(1)', 'data:text/html,x', ' /x', '/\t/evil.example',
    '/\n/evil.example', '/\r/evil.example', '\t//evil.example', '/\u0000/evil.example', '/.//evil.example', '/..//evil.example', '/a/..//evil.example', '@evil.example', '/ä'
  ] // biome-ignore format: a list reads better packed
  for (const next of bad) t.equal(ownPath(next, origin), '/', JSON.stringify(next))
  t.equal(ownPath('/%2f%2fevil.example', origin), '/%2f%2fevil.example')
})

t.test(
  'pages of named origins may call the API with credentials; nobody else is told anything',
  async (t) => {
    const preflight = (path: string, headers: Record<string, string>, of = gateway) =>
      of.call('OPTIONS', path, { headers: { 'access-control-request-method': 'POST', ...headers } })
    const asked = await preflight('/api/companies', {
      origin: board,
      'access-control-request-headers': 'x-odd'
    })
    t.match(asked, {
      status: 204,
      text: '',
      headers: {
        'access-control-allow-origin': board,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers': 'Content-Type, Authorization',
        'access-control-max-age': '600'
      }
    })
    t.match(asked.headers.vary, /\bOrigin\b/)
    const refused = await gateway.call('GET', '/api/companies', { headers: { origin: board } })
    t.match(refused, {
      status: 401,
      headers: {
        'access-control-allow-origin': board,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'Link, Retry-After',
        'cross-origin-resource-policy': 'cross-origin'
      }
    })
    const strangers = [
    'https://evil.example', 'null', '', '*', `${board}/`, `${board}:443`, board.toUpperCase(), `${board}.evil.example`,
    'http://board.example.com', 'https://other.example.com', `${board}, ${board}`, `${board} https://evil.example`
  ] // biome-ignore format: a list reads better packed
    const told = ({ headers }: { headers: object }) =>
      Object.keys(headers).filter((name) => name.startsWith('access-control'))
    for (const origin of strangers) {
      const reply = await preflight('/api/companies', { origin })
      t.equal(reply.status, 404, origin)
      t.same(told(reply), [], origin)
      const read = await gateway.call('GET', '/api/health', { headers: { origin } })
      t.same(told(read), [], origin)
      t.equal(read.headers['cross-origin-resource-policy'], 'same-origin')
      t.match(read.headers.vary, /\bOrigin\b/, 'no cache may hand it to another origin')
    }
    t.same(
      told(await gateway.call('GET', '/sign-in', { headers: { origin: board } })),
      [],
      'pages are not the API'
    )
    const host = { host: 'evil.example', origin: board }
    t.match(await preflight('/api/companies', host), { status: 403, json: { code: 'host_not_allowed' } })
    t.same(told(await preflight('/api/companies', host)), [])
    const inLocal = await installation.start({ PAPERCLIP_ALLOWED_ORIGINS: board })
    for (const method of ['OPTIONS', 'GET']) {
      const reply = await inLocal.call(method, '/api/companies', { headers: { origin: board } })
      t.equal(reply.status, method === 'GET' ? 200 : 404)
      t.same(told(reply), [], 'in local_trusted there is no CORS')
    }
  }
)

t.test('HSTS is sent where the public address is https, with every reply', async (t) => {
  for (const path of ['/livez', '/sign-in', '/api/health', '/api/nowhere', '/assets/page.css']) {
    const inside = { headers: { host: 'paperclip.example.com' } }
    const { headers } = await hosted.call('GET', path, inside)
    t.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains', path)
    t.notOk('strict-transport-security' in (await gateway.call('GET', path)).headers, path)
  }
})
