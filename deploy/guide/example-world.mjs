/** The world of README.md: company Acme, agent writer, and a secret in the agent's environment. */
import { randomBytes } from 'node:crypto'

const valueBytes = 24

/** @param {ReturnType<typeof import('../smoke/http-session.mjs').openSession>} session of somebody who may */
export async function makeExampleWorld(session) {
  const post = async (path, body) => (await session.send('POST', path, { body, status: 201 })).json
  const company = await post('/api/companies', { name: 'Acme' })
  const agent = await post(`/api/companies/${company.id}/agents`, { name: 'writer' })
  const value = randomBytes(valueBytes).toString('base64url')
  const secret = await post(`/api/companies/${company.id}/secrets`, { name: 'Anthropic API Key', value })
  const env = { ANTHROPIC_API_KEY: { type: 'secret_ref', secretId: secret.id, version: 'latest' } }
  await session.send('PUT', `/api/companies/${company.id}/agents/${agent.id}/env`, { body: { env } })
}
