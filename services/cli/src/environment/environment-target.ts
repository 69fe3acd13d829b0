import type { GatewayClient } from '@paperclip/client'
import {
  type Environment,
  type EnvironmentView,
  getAgentEnvironment,
  getProjectEnvironment,
  putAgentEnvironment,
  putProjectEnvironment
} from '@paperclip/contracts'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { type CompanyFlags, pickCompany, pickCompanyOfAgent } from '../pick/pick-company.js'
import { pickAgent, pickProject } from '../pick/pick-named.js'

/** One agent's or project's environment at the server. */
export interface EnvironmentTarget {
  readonly companyId: string
  get(): Promise<EnvironmentView>
  put(env: Environment): Promise<EnvironmentView>
}

/** What the command line names: an agent, or a project by `--project`; exactly one. */
export interface TargetNames {
  readonly agent: string | undefined
  readonly project: string | undefined
}

/** Checks {@link TargetNames} before any request. */
export function requireOneTarget({ agent, project }: TargetNames): void {
  if (agent !== undefined && project !== undefined)
    throw new MisuseError('an agent and --project cannot be named together')
  if (agent === undefined && project === undefined)
    throw new MisuseError('name an agent, or a project with --project')
}

/** Finds the environment that was named. */
export async function findEnvironment(
  client: GatewayClient,
  io: CliIo,
  { flags, agent, project }: TargetNames & { flags: CompanyFlags }
): Promise<EnvironmentTarget> {
  requireOneTarget({ agent, project })
  if (agent !== undefined) {
    const companyId = await pickCompanyOfAgent(client, io, { flags, agent })
    const params = { companyId, agentId: await pickAgent(client, companyId, agent) }
    return {
      companyId,
      get: () => client.call(getAgentEnvironment, { params }),
      put: (env) => client.call(putAgentEnvironment, { params, body: { env } })
    }
  }
  const companyId = await pickCompany(client, io, flags)
  const params = { companyId, projectId: await pickProject(client, companyId, project ?? '') }
  return {
    companyId,
    get: () => client.call(getProjectEnvironment, { params }),
    put: (env) => client.call(putProjectEnvironment, { params, body: { env } })
  }
}
