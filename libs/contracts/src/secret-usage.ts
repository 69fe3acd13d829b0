import { type Static, Type } from 'typebox'
import { IdParams } from './common.js'
import { Uuid } from './ids.js'
import { defineRoute } from './route.js'
import { TargetType } from './secret.js'

const NullableText = (charsMax: number) => Type.Union([Type.String({ maxLength: charsMax }), Type.Null()])

export const SecretUsage = Type.Object(
  {
    secretId: Uuid,
    bindings: Type.Array(
      Type.Object(
        {
          id: Uuid,
          targetType: TargetType,
          targetId: Uuid,
          configPath: Type.String({ maxLength: 300 }),
          versionSelector: Type.Union([Type.Literal('latest'), Type.Integer({ minimum: 1 })]),
          target: Type.Object(
            {
              type: TargetType,
              id: Uuid,
              label: NullableText(120),
              status: Type.Union([Type.Enum(['active', 'paused', 'terminated', 'deleted']), Type.Null()])
            },
            { additionalProperties: false }
          )
        },
        { additionalProperties: false }
      ),
      { maxItems: 10_000 }
    )
  },
  { additionalProperties: false }
)
export type SecretUsage = Static<typeof SecretUsage>
export const getSecretUsage = defineRoute({
  operationId: 'getSecretUsage',
  summary: 'Shows which environments a secret is bound to.',
  method: 'GET',
  path: '/secrets/:id/usage',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: IdParams, response: { 200: SecretUsage } },
  problems: ['secret_not_found']
})
