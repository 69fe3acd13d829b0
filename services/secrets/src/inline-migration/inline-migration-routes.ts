import { migrateInlineEnvironments } from '@paperclip/contracts'
import { type CursorCodec, type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import { prefix } from '../prefix.js'
import type { InlineMigrationService } from './inline-migration-service.js'
import type { EnvironmentPosition } from './inline-migration-store.js'

interface Deps {
  inlineMigrations: InlineMigrationService
  cursors: CursorCodec
}

/** Making secrets of what lies inline, a part at a time. */
export const inlineMigrationRoutes: FastifyPluginAsyncTypebox<Deps> = async (
  app,
  { inlineMigrations, cursors }
) => {
  app.route({
    ...mount(prefix, migrateInlineEnvironments),
    handler: async ({ caller, params: { companyId }, body: { apply, cursor } }) => {
      const scope = { list: 'migrateInlineEnvironments', of: companyId }
      const after = cursor === undefined ? null : positionOf(cursors.decode(scope, cursor))
      const { report, next } = await inlineMigrations.migrate(caller, companyId, { apply, after })
      const nextCursor = next === null ? null : cursors.encode(scope, `${next.targetType} ${next.targetId}`)
      return { ...report, nextCursor }
    }
  })
}

function positionOf(text: string): EnvironmentPosition {
  const [type, targetId = ''] = text.split(' ')
  return { targetType: type === 'project' ? 'project' : 'agent', targetId }
}
