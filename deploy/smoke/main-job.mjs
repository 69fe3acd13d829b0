/** The main job over HTTP, as an operator with a board key does it, and as the agent's runner does its part. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

/**
 * Makes company, agent and secret, binds the secret, and runs the agent once.
 *
 * @param {ReturnType<typeof import('./http-session.mjs').openSession>} session
 * @param {{ token: string, name: string }} options the board key, and what to call the company
 */
export async function doMainJob(session, { token, name }) {
  const post = async (path, body) => (await session.send('POST', path, { body, token, status: 201 })).json
  const value = randomBytes(24).toString('base64url')
  const company = await post('/api/companies', { name })
  const agent = await post(`/api/companies/${company.id}/agents`, { name: 'writer' })
  const secret = await post(`/api/companies/${company.id}/secrets`, { name: 'Anthropic key', value })
  const env = { ANTHROPIC_API_KEY: { type: 'secret_ref', secretId: secret.id, version: 'latest' } }
  await session.send('PUT', `/api/companies/${company.id}/agents/${agent.id}/env`, { body: { env }, token })
  const job = { companyId: company.id, agentId: agent.id, secretId: secret.id, value }
  await runOnce(session, { token, job })
  return job
}

/**
 * Opens a run, resolves its environment with the run token, compares the value and finishes the run.
 *
 * @param {ReturnType<typeof import('./http-session.mjs').openSession>} session
 * @param {{ token: string, job: { companyId: string, agentId: string, secretId: string, value: string } }} options
 */
export async function runOnce(session, { token, job }) {
  const { companyId, agentId, secretId, value } = job
  const path = `/api/companies/${companyId}/agents/${agentId}/runs`
  const opened = (await session.send('POST', path, { body: {}, token, status: 201 })).json
  const run = { token: opened.token, body: {}, retries: 5 }
  const resolved = (await session.send('POST', '/api/agents/me/env', run)).json
  // Not assert.equal: its message would show the value.
  assert.ok(resolved.env.ANTHROPIC_API_KEY === value, 'the run gets the value that was stored')
  const finish = `/api/companies/${companyId}/runs/${opened.run.id}/finish`
  await session.send('POST', finish, { body: { status: 'succeeded' }, token: opened.token })
  await session.send('POST', '/api/agents/me/env', { ...run, status: 401 })
  const events = (await session.send('GET', `/api/secrets/${secretId}/access-events`, { token })).json
  const own = events.find((event) => event.runId === opened.run.id)
  assert.equal(own?.outcome, 'success', 'the reveal is on record')
}
