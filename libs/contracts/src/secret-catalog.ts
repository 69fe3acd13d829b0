import { Type } from 'typebox'
import { CompanyParams } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'
import { SecretStatus } from './secret.js'

export const SecretCatalogEntry = Type.Object(
  {
    id: Uuid,
    name: Type.String({ maxLength: limits.nameCharsMax }),
    key: Type.String({ maxLength: limits.keyCharsMax }),
    status: SecretStatus
  },
  { additionalProperties: false }
)
export const listSecretCatalog = defineRoute({
  operationId: 'listSecretCatalog',
  summary: 'Lists names and keys, for pickers; an agent sees only what is bound to it.',
  method: 'GET',
  path: '/companies/:companyId/secrets/catalog',
  owner: 'secrets',
  auth: { actors: ['board', 'agent_key', 'run'], role: 'viewer' },
  schema: { params: CompanyParams, querystring: PageQuery, response: { 200: pageOf(SecretCatalogEntry) } },
  problems: ['company_forbidden', 'invalid_cursor']
})
