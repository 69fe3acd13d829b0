/** The people at the browser: open the addresses that commands print, over HTTP as a page would. */
import { randomBytes } from 'node:crypto'
import { openSession } from '../smoke/http-session.mjs'

const passwordBytes = 18
/** Addresses that commands print, by what a person does there. */
const addresses = {
  claim: /https?:\/\/[^\s"'|]+\/board-claim\/[\w-]+\?code=[\w-]+/g,
  join: /https?:\/\/[^\s"'|]+\/invites\/[\w-]+/g,
  approve: /https?:\/\/[^\s"'|]+\/cli-auth\/[\w-]+\?token=[\w-]+/g
}

/**
 * `ca`: the PEM of the authority to trust, asked for when an https address is opened. `addresses` finds each address in
 * an output; `claim`, `approve` and `join` do what its page offers, and throw when it is refused. The first two are one
 * person, who can also `signIn`; whoever joins is another each time.
 *
 * @param {{ ca?: () => string | undefined }} [options]
 */
export function makePerson({ ca = () => undefined } = {}) {
  const who = { email: 'operator@example.com', password: newPassword() }
  const caFor = ({ protocol }) => (protocol === 'https:' ? { ca: ca() } : {})
  let guests = 0
  /** @type {Map<string, ReturnType<typeof openSession>>} */
  const sessions = new Map()

  function sessionAt(url) {
    const session = sessions.get(url.origin) ?? openSession({ origin: url.origin, ...caFor(url) })
    sessions.set(url.origin, session)
    return session
  }

  async function claim(address) {
    const url = new URL(address)
    const session = sessionAt(url)
    const path = `/api${url.pathname}`
    const code = url.searchParams.get('code') ?? ''
    await session.send('GET', `${path}?code=${encodeURIComponent(code)}`)
    await session.send('POST', '/api/auth/sign-up/email', { body: { name: 'Operator', ...who } })
    await session.send('POST', `${path}/claim`, { body: { code } })
    return session
  }

  /** Signs in anew each time: whoever tries a guide may have ended every session. */
  async function signIn(address) {
    const session = sessionAt(new URL(address))
    await session.send('POST', '/api/auth/sign-in/email', { body: who })
    return session
  }

  async function approve(address) {
    const url = new URL(address)
    const session = await signIn(address)
    const body = { token: url.searchParams.get('token') ?? '' }
    const id = url.pathname.split('/').at(-1)
    await session.send('POST', `/api/cli-auth/challenges/${id}/approve`, { body })
  }

  /** Opens an invite, signs up with it and accepts it. */
  async function join(address) {
    const url = new URL(address)
    const session = openSession({ origin: url.origin, ...caFor(url) })
    const token = url.pathname.split('/').at(-1)
    const name = `guest-${++guests}`
    const account = { name, email: `${name}@example.com`, password: newPassword(), inviteToken: token }
    await session.send('POST', '/api/auth/sign-up/email', { body: account })
    await session.send('POST', `/api/invites/${token}/accept`)
  }

  return { addresses, claim, approve, join, signIn }
}

function newPassword() {
  return randomBytes(passwordBytes).toString('base64url')
}
