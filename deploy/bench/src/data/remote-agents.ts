import { randomBytes } from 'node:crypto'
import { createAgent, createCompany, createSecret, openRun } from '@paperclip/contracts'
import { remoteNamespace, type Stand } from '../stand/stand.js'
import { runSeconds } from './data-set.js'
import { openGatewayClients } from './gateway-clients.js'

/** An agent with one binding, a token of a run of it, and what the run must get. */
export interface OneValueAgent {
  readonly runToken: string
  readonly value: string
}

/** Two agents that differ in where the value of their one binding lies. */
export interface RemoteAgents {
  readonly companyId: string
  /** What the remote value is called at the stub. */
  readonly remoteName: string
  readonly local: OneValueAgent
  readonly remote: OneValueAgent
}

const providers = { local: 'local_encrypted', remote: 'aws_secrets_manager' } as const
const valueBytes = 48

/** Makes a company of both through the public API; the stub is told its value as AWS would be. */
export async function createRemoteAgents({ gatewayOrigin }: Stand): Promise<RemoteAgents> {
  const client = openGatewayClients(gatewayOrigin)
  try {
    const { id: companyId } = await client.call(createCompany, { body: { name: 'Values elsewhere' } })
    const make = async (where: keyof typeof providers): Promise<OneValueAgent> => {
      const value = randomBytes(valueBytes).toString('base64url')
      const params = { companyId }
      const body = { name: `${where} value`, key: `${where}-value`, value, provider: providers[where] }
      const { id: secretId } = await client.call(createSecret, { params, body })
      const env = { VALUE: { type: 'secret_ref' as const, secretId } }
      const { id: agentId } = await client.call(createAgent, {
        params,
        body: { name: `${where} agent`, env }
      })
      const run = { params: { companyId, agentId }, body: { ttlSeconds: runSeconds } }
      const { token } = await client.call(openRun, run)
      return { runToken: token, value }
    }
    const [local, remote] = [await make('local'), await make('remote')]
    return { companyId, remoteName: remoteNameOf(companyId), local, remote }
  } finally {
    await client.close()
  }
}

/** By the standard prefix and the namespace of the stand. */
function remoteNameOf(companyId: string): string {
  return `paperclip/${remoteNamespace}/${companyId}/remote-value`
}
