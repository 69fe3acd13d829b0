import {
  getAgentEnvironment,
  getProjectEnvironment,
  putAgentEnvironment,
  putProjectEnvironment
} from '@paperclip/contracts'
import { type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import { prefix } from '../prefix.js'
import type { EnvironmentService } from './environment-service.js'

/** Environments of agents and projects. That the target exists in the company, the gateway has checked. */
export const environmentRoutes: FastifyPluginAsyncTypebox<{ environments: EnvironmentService }> = async (
  app,
  { environments }
) => {
  app.route({
    ...mount(prefix, getAgentEnvironment),
    handler: ({ params: { companyId, agentId } }) =>
      environments.get({ companyId, targetType: 'agent', targetId: agentId })
  })
  app.route({
    ...mount(prefix, putAgentEnvironment),
    handler: ({ caller, params: { companyId, agentId }, body }) =>
      environments.put(caller, { companyId, targetType: 'agent', targetId: agentId }, body)
  })
  app.route({
    ...mount(prefix, getProjectEnvironment),
    handler: ({ params: { companyId, projectId } }) =>
      environments.get({ companyId, targetType: 'project', targetId: projectId })
  })
  app.route({
    ...mount(prefix, putProjectEnvironment),
    handler: ({ caller, params: { companyId, projectId }, body }) =>
      environments.put(caller, { companyId, targetType: 'project', targetId: projectId }, body)
  })
}
