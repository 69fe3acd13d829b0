import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  confirmationCode,
  createCliChallenge,
  getCliChallenge,
  getMe,
  listCompanies,
  newId
} from '@paperclip/contracts'
import { testDatabase } from '@paperclip/testing'
import type { Page } from 'playwright-core'
import t from 'tap'
import { openApi } from './support/e2e-api.js'
import { fetchFrom, findChromium, startChromium } from './support/e2e-chromium.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'

// A browser on a machine that is busy with other suites.
const fileMsMax = 110_000
t.setTimeout(fileMsMax)

const executablePath = findChromium()
if (executablePath === undefined)
  t.test(
    'pages in a browser',
    { skip: 'no chromium on the path, and CHROMIUM_PATH is not set' },
    async () => {}
  )
else await withBrowser(executablePath)

async function withBrowser(executablePath: string): Promise<void> {
  const database = await testDatabase(t, { migrations: shippedMigrations })
  const installation = await startInstallation(t, {
    gateways: 1,
    secrets: 1,
    databaseUrls: { gateway: database.url('gateway'), secrets: database.url('secrets') },
    gatewayEnv: { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', HOST: '127.0.0.1' }
  })
  const [gateway] = installation.gateways
  const origin = gateway?.origin ?? ''
  const api = openApi([origin])
  const browser = await startChromium(t, executablePath)
  const admin = await browser.person()
  const viewer = await browser.person()
  const password = randomBytes(12).toString('base64url')
  const tokens: string[] = [password]
  let companyId = ''

  const signUp = async (page: Page, name: string) => {
    const form = page.locator('#sign-up')
    await form.getByLabel('Name').fill(name)
    await form.getByLabel('E-mail').fill(`${name.toLowerCase()}-${newId()}@example.com`)
    await form.getByLabel('Password').fill(password)
    await form.getByLabel('Password').press('Enter')
    await page.getByText('You are signed in as').waitFor()
  }

  await t.test('whoever has the start-up log signs up and claims the instance', async (t) => {
    const [, url = ''] = (await gateway?.process.waitForLine(/(http:\S+\/board-claim\/\S+)/)) ?? []
    const { pathname, searchParams } = new URL(url)
    await admin.goto(url)
    await admin.getByText('Whoever claims this instance').waitFor()
    t.equal(admin.url(), `${origin}/board-claim`, 'neither token nor code stay in the address bar')
    t.equal(await admin.evaluate('history.length'), 2, 'nor in the history')
    const field = admin.locator('#sign-up').getByLabel(/^Password \(10 characters or more\)/)
    t.equal(await field.getAttribute('minlength'), '10', 'the browser itself says what is too short')
    await signUp(admin, 'Ada')
    const button = admin.getByRole('button', { name: 'Claim this instance' })
    await button.focus()
    await admin.keyboard.press('Enter')
    await admin.getByRole('status').getByText('you are its admin').waitFor()
    await admin.getByRole('link', { name: 'Go on' }).click()
    await admin.getByText('Ada (').waitFor()
    await admin.locator('#admin').getByText('yes').waitFor()
    await admin.locator('#first-company').getByText('paperclipai company create').waitFor()
    const claimed = installation.output().split(pathname.split('/')[2] ?? '-').length - 1
    t.equal(claimed, 1, 'the token is in the log once, where it is printed')
    t.equal(installation.output().split(searchParams.get('code') ?? '-').length - 1, 1)
  })

  await t.test('somebody who is invited signs up, accepts, reads, and changes nothing', async (t) => {
    const company = await fetchFrom(admin, 'POST', '/api/companies', { name: 'Acme <b>& Sons</b>' })
    t.equal(company.status, 201)
    companyId = company.json.id ?? ''
    const invite = await fetchFrom(admin, 'POST', `/api/companies/${companyId}/invites`, { role: 'viewer' })
    t.equal(invite.status, 201)
    tokens.push(invite.json.token ?? '-')
    await viewer.goto(invite.json.url ?? '')
    await viewer.getByText('Join Acme <b>& Sons</b> as viewer').waitFor()
    t.equal(viewer.url(), `${origin}/invites`)
    await signUp(viewer, 'Bea')
    await viewer.getByRole('button', { name: 'Accept the invite' }).click()
    await viewer.getByRole('status').getByText('You are in, as viewer').waitFor()
    const agents = `/api/companies/${companyId}/agents`
    t.equal((await fetchFrom(viewer, 'GET', agents)).status, 200)
    t.match(await fetchFrom(viewer, 'POST', agents, { name: 'Eve' }), {
      status: 403,
      json: { code: 'read_only_role' }
    })
    await viewer.goto(origin)
    await viewer.getByText('Acme <b>& Sons</b> (viewer)').waitFor()
    await viewer.locator('#admin').getByText('no').waitFor()
  })

  await t.test('a command line is let in by a press, never by opening the page', async (t) => {
    const command = 'auth login'
    const stateOf = async (asked: { id: string; token: string }) =>
      (await api.ok(getCliChallenge, { params: { id: asked.id }, query: { token: asked.token } })).status
    const asked = await api.ok(createCliChallenge, { body: { command, requestedCompanyId: companyId } })
    const refused = await api.ok(createCliChallenge, {
      body: { command, requestedAccess: 'instance_admin_required' }
    })
    for (const each of [asked, refused]) tokens.push(each.token, each.boardApiToken)
    await viewer.goto(asked.approvalUrl)
    const approve = viewer.getByRole('button', { name: 'Approve' })
    await approve.waitFor()
    t.equal(viewer.url(), `${origin}/cli-auth/${asked.id}`)
    t.equal(await viewer.locator('#code').innerText(), confirmationCode(asked.id))
    await viewer.getByText('Acme <b>& Sons</b>').waitFor()
    t.equal(await stateOf(asked), 'pending')
    const me = { token: asked.boardApiToken }
    t.equal((await api.send(getMe, {}, me)).status, 401)
    await approve.click()
    await viewer.getByRole('status').getByText('Approved').waitFor()
    t.equal(await stateOf(asked), 'approved')
    t.match(await api.ok(getMe, {}, me), { credential: { kind: 'board_key' } })
    t.same(
      (await api.ok(listCompanies, {}, me)).map(({ id }) => id),
      [companyId]
    )

    await viewer.goto(refused.approvalUrl)
    await viewer.getByText('what you may do in companies, and administration of the instance').waitFor()
    await viewer.getByRole('button', { name: 'Cancel' }).click()
    await viewer.getByRole('status').getByText('Cancelled').waitFor()
    t.equal(await stateOf(refused), 'cancelled')
    await viewer.goto(asked.approvalUrl)
    await viewer.getByRole('status').getByText('Approved').waitFor()
    t.notOk(await viewer.getByRole('button', { name: 'Approve' }).isVisible(), 'nothing is left to decide')
  })

  await t.test('a page of another origin can neither act, nor read, nor frame', async (t) => {
    const server = createServer((_, reply) =>
      reply.end(`<!doctype html><iframe src="${origin}/sign-in"></iframe>`)
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const evil = await admin.context().newPage()
    // The same site, so that the cookie comes along: only our own rules are left.
    await evil.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    t.equal(evil.frames().filter((frame) => frame.url().startsWith(origin)).length, 0, 'not framed')
    const tries = await evil.evaluate(async (url) => {
      const body = JSON.stringify({ name: 'Evil' })
      const attempt = (options: RequestInit) =>
        fetch(url, { method: 'POST', credentials: 'include', body, ...options }).then(
          (reply) => reply.type,
          () => 'failed'
        )
      return [
        await attempt({ mode: 'no-cors' }),
        await attempt({ mode: 'no-cors', headers: { 'content-type': 'text/plain' } }),
        await attempt({ headers: { 'content-type': 'text/plain' } }),
        await attempt({ headers: { 'content-type': 'application/json' } }),
        await attempt({ method: 'GET', body: null })
      ]
    }, `${origin}/api/companies`)
    t.same(tries.slice(2), ['failed', 'failed', 'failed'], 'nothing can be read')
    const names = await fetchFrom(admin, 'GET', '/api/companies')
    t.equal((names.json as unknown as object[]).length, 1, 'and nothing was made')
    await evil.close()
  })

  await t.test('one signs out, and in again to where one was going, if that is here', async (t) => {
    await viewer.goto(origin)
    await viewer.getByRole('button', { name: 'Sign out' }).click()
    await viewer.waitForURL(`${origin}/sign-in`)
    await viewer.goto(origin)
    t.equal(viewer.url(), `${origin}/sign-in`)
    await viewer.getByLabel('E-mail').fill(`nobody-${newId()}@example.com`)
    await viewer.getByLabel('Password').fill(password)
    await viewer.getByRole('button', { name: 'Sign in' }).click()
    await viewer.getByRole('alert').waitFor()
    t.ok(await viewer.getByRole('button', { name: 'Sign in' }).isEnabled(), 'and one may try again')
    await admin.goto(`${origin}/sign-in?next=${encodeURIComponent('//evil.example/')}`)
    await admin.waitForURL(`${origin}/`)
    await admin.goto(`${origin}/sign-in?next=${encodeURIComponent('/api/health')}`)
    await admin.waitForURL(`${origin}/api/health`)
  })

  t.same(browser.complaints, [], 'no page broke its policy or failed')
  const output = installation.output()
  t.same(tokens.filter((token) => output.includes(token)).length, 0, 'no token or password is in a log')
}
