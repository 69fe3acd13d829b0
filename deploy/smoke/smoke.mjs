/**
 * One stage of deploy/compose-smoke.sh: `first` claims a new instance and does the main job, `again` finds its data
 * after a restart, `tls` does both behind Caddy, `refused` is from no network that may administer. Reads SMOKE_URL,
 * SMOKE_STATE (a private file that carries what later stages need), SMOKE_CLAIM (stage `first`), SMOKE_CA (behind Caddy)
 * and SMOKE_HTTP_URL (stage `tls`).
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSession } from './http-session.mjs'
import { doMainJob, runOnce } from './main-job.mjs'

const readySecondsMax = 120
const pollMs = 500
/** Of networks in which nobody is. */
const nobody = '192.0.2.7'
/** Each route that is restricted, and what its neighbours might be taken for. */
const adminPaths = [
  ...['/api/admin/users', '/api/admin/activity?limit=1', '/api/admin/master-keys', '/api/admin/'],
  ...[
    '/API/Admin/users',
    '/api/%61dmin/users',
    '/api%2fadmin/users',
    '/api//admin/users',
    '//api/admin/users'
  ],
  ...['/api/./admin/users', '/x/../api/admin/users', '/%2e%2e/api/admin/users', '/api/board-api-keys'],
  ...['/api/board-api-keys/x', '/api/board-claim/x/claim', '/board-claim', '/board-claim/x'],
  ...['/sign-up', '/api/auth/sign-up/email', '/api/cli-auth/challenges/x/approve']
]

const stages = { first, again, tls, refused }

const stage = stages[process.argv[2] ?? '']
if (stage === undefined) throw new Error('usage: node deploy/smoke/smoke.mjs first|again|tls|refused')
await stage()

async function first() {
  const session = await openWhenReady()
  await expectHealth(session, { bootstrapStatus: 'bootstrap_pending' })
  const { pathname, searchParams } = new URL(setting('SMOKE_CLAIM'))
  const code = searchParams.get('code') ?? ''
  const claim = `/api${pathname}`
  const found = (await session.send('GET', `${claim}?code=${encodeURIComponent(code)}`)).json
  assert.equal(found.status, 'available')
  const person = { email: 'operator@example.com', password: randomBytes(18).toString('base64url') }
  await session.send('POST', '/api/auth/sign-up/email', { body: { name: 'Operator', ...person } })
  await session.send('POST', `${claim}/claim`, { body: { code } })
  await session.send('POST', `${claim}/claim`, { body: { code: 'wrong' }, status: 404 })
  await expectHealth(session, { bootstrapStatus: 'ready' })
  say('signed up and claimed the instance with the address in the log')
  const key = await makeBoardKey(session)
  const job = await doMainJob(session, { token: key, name: 'Acme' })
  say('board key, company, agent, secret, environment, run: the run got the value')
  writeState({ person, key, job })
}

async function again() {
  const { person, key, job } = readState()
  const session = await openWhenReady()
  await expectHealth(session, { bootstrapStatus: 'ready' })
  await session.send('POST', '/api/auth/sign-in/email', { body: person })
  const companies = (await session.send('GET', '/api/companies')).json
  assert.deepEqual(
    companies.map(({ id }) => id),
    [job.companyId]
  )
  await runOnce(session, { token: key, job })
  say('signed in; company, board key and secret are as before, and a run gets the value')
}

async function tls() {
  const { person, key, job } = readState()
  const session = await openWhenReady({ ca: readFileSync(setting('SMOKE_CA'), 'utf8') })
  const { headers } = await session.send('POST', '/api/auth/sign-in/email', { body: person })
  const cookies = session.setCookies()
  assert.ok(cookies.length > 0, 'sign-in sets a cookie')
  for (const cookie of cookies) {
    assert.match(cookie, /^__Host-/, 'the cookie is bound to this host')
    for (const part of [/; *Secure/i, /; *HttpOnly/i, /; *Path=\/(;|$)/i]) assert.match(cookie, part)
    assert.doesNotMatch(cookie, /; *Domain=/i)
  }
  assert.match(String(headers['strict-transport-security']), /max-age=\d{7,}/)
  const plain = openSession({ origin: setting('SMOKE_HTTP_URL') })
  const redirect = await plain.send('GET', '/', { status: 308 })
  assert.ok(String(redirect.headers.location).startsWith('https://'))
  say('https with a certificate of its authority, __Host- cookie, HSTS, http is sent to https')
  await runOnce(session, { token: key, job })
  await doMainJob(session, { token: await makeBoardKey(session), name: 'Beyond' })
  say('the data of before, and the whole main job with a new board key')
}

async function refused() {
  const { person, key, job } = readState()
  const session = await openWhenReady({ ca: readFileSync(setting('SMOKE_CA'), 'utf8') })
  const spoofed = { 'x-forwarded-for': nobody, 'x-real-ip': nobody, forwarded: `for=${nobody}` }
  for (const path of adminPaths) {
    const { json, headers } = await session.send('GET', path, { token: key, status: 403, extra: spoofed })
    // What the gateway refuses has a request's own id.
    assert.deepEqual([json.code, json.requestId], ['forbidden', '-'], path)
    assert.match(String(headers['content-type']), /^application\/problem\+json/)
  }
  await session.send('POST', '/api/auth/sign-in/email', { body: person })
  await runOnce(session, { token: key, job })
  say(
    `${adminPaths.length} spellings of routes that administer are refused to this address, whatever it claims to be`
  )
}

/** @param {{ ca?: string }} [options] */
async function openWhenReady({ ca } = {}) {
  const session = openSession({ origin: setting('SMOKE_URL'), ca })
  await expectHealth(session, { status: 'ok' })
  return session
}

/** Health may be a second old when it is read, and the services take their time to start. */
async function expectHealth(session, expected) {
  const deadline = performance.now() + readySecondsMax * 1_000
  for (;;) {
    try {
      const { json } = await session.send('GET', '/api/health')
      assert.deepEqual({ ...json, ...expected, deploymentMode: 'authenticated' }, json)
      return
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(pollMs)
    }
  }
}

async function makeBoardKey(session) {
  const body = { name: 'smoke' }
  const { json } = await session.send('POST', '/api/board-api-keys', { body, status: 201 })
  assert.ok(/^paperclip_board_[A-Za-z0-9_-]{43}$/.test(json.token), 'a board key has its form')
  return json.token
}

function readState() {
  return JSON.parse(readFileSync(setting('SMOKE_STATE'), 'utf8'))
}

function writeState(state) {
  writeFileSync(setting('SMOKE_STATE'), JSON.stringify(state), { mode: 0o600 })
}

function setting(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}

function say(line) {
  process.stdout.write(`   ${line}\n`)
}
