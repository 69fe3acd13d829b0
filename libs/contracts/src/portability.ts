import { type Static, Type } from 'typebox'
import { AdapterType } from './agent.js'
import { CompanyParams, mapOf, ShortName } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { defineRoute } from './route.js'

const TargetType = Type.Enum(['agent', 'project'])
const VariableName = Type.String({ maxLength: limits.environmentNameCharsMax })
const DeclarationKind = Type.Enum(['secret', 'plain'])

/**
 * What a variable must be given elsewhere. `secret`: a reference, or a value that is or looks like a secret; it never
 * has a value here. `plain`: text that everybody of the company may read, and which goes along.
 */
export const VariableDeclaration = Type.Object(
  {
    kind: DeclarationKind,
    required: Type.Boolean(),
    value: Type.Optional(Type.String({ maxLength: limits.plainValueBytesMax }))
  },
  { additionalProperties: false }
)
export type VariableDeclaration = Static<typeof VariableDeclaration>

const DeclaredVariables = mapOf(VariableDeclaration, {
  nameCharsMax: limits.environmentNameCharsMax,
  membersMax: limits.environmentEntriesMax
})

/** The declarations of a company by the ids of its targets: between the two services only. */
export const DeclaredEnvironments = Type.Object(
  {
    environments: Type.Array(
      Type.Object(
        { targetType: TargetType, targetId: Uuid, env: DeclaredVariables },
        { additionalProperties: false }
      ),
      { maxItems: 2 * limits.manifestTargetsMax }
    )
  },
  { additionalProperties: false }
)
export type DeclaredEnvironments = Static<typeof DeclaredEnvironments>

export const listDeclaredEnvironments = defineRoute({
  operationId: 'listDeclaredEnvironments',
  summary: 'Says what the environments of a company need, without any secret, id of one, or reference.',
  method: 'GET',
  path: '/companies/:companyId/env/declarations',
  owner: 'secrets',
  visibility: 'internal',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: CompanyParams, response: { 200: DeclaredEnvironments } },
  problems: ['company_forbidden', 'export_too_large']
})

/** One declaration as it is listed; targets are named, since ids mean nothing elsewhere. */
export const SecretDeclaration = Type.Object(
  {
    target: Type.Object(
      { type: TargetType, name: Type.String({ maxLength: limits.shortNameCharsMax }) },
      { additionalProperties: false }
    ),
    name: VariableName,
    kind: DeclarationKind,
    required: Type.Boolean()
  },
  { additionalProperties: false }
)
export type SecretDeclaration = Static<typeof SecretDeclaration>

const DeclarationQuery = Type.Object(
  {
    include: Type.Optional(
      Type.String({ maxLength: 20, pattern: '^(?:agents|projects|agents,projects|projects,agents)$' })
    ),
    kind: Type.Optional(Type.Enum(['all', 'secret', 'plain']))
  },
  { additionalProperties: false }
)
export type DeclarationQuery = Static<typeof DeclarationQuery>

export const listSecretDeclarations = defineRoute({
  operationId: 'listSecretDeclarations',
  summary: 'Lists what an export would declare: names, kinds and targets; no values, ids or references.',
  method: 'GET',
  path: '/companies/:companyId/secrets/declarations',
  auth: { actors: ['board'], role: 'viewer' },
  schema: {
    params: CompanyParams,
    querystring: DeclarationQuery,
    response: {
      200: Type.Array(SecretDeclaration, {
        maxItems: 2 * limits.manifestTargetsMax * limits.environmentEntriesMax
      })
    }
  },
  problems: ['company_forbidden', 'export_too_large', 'secrets_unavailable']
})

/** A company that another instance can load. Closed, so that nothing else can travel in it. */
export const CompanyManifest = Type.Object(
  {
    format: Type.Literal('paperclip-company'),
    version: Type.Literal(1),
    company: Type.Object({ name: ShortName }, { additionalProperties: false }),
    agents: Type.Array(
      Type.Object(
        { name: ShortName, adapterType: AdapterType, env: DeclaredVariables },
        { additionalProperties: false }
      ),
      { maxItems: limits.manifestTargetsMax }
    ),
    projects: Type.Array(
      Type.Object({ name: ShortName, env: DeclaredVariables }, { additionalProperties: false }),
      { maxItems: limits.manifestTargetsMax }
    )
  },
  { additionalProperties: false }
)
export type CompanyManifest = Static<typeof CompanyManifest>

export const exportCompany = defineRoute({
  operationId: 'exportCompany',
  summary: 'Gives a company as a manifest for another instance; nothing secret is in it.',
  method: 'POST',
  path: '/companies/:companyId/export',
  auth: { actors: ['board'], role: 'admin' },
  schema: { params: CompanyParams, response: { 200: CompanyManifest } },
  problems: ['company_forbidden', 'read_only_role', 'export_too_large', 'secrets_unavailable']
})

/** A target of this instance. */
export const ImportedTarget = Type.Object(
  { type: TargetType, id: Uuid, name: Type.String({ maxLength: limits.shortNameCharsMax }) },
  { additionalProperties: false }
)
export type ImportedTarget = Static<typeof ImportedTarget>

/** `remaining`: targets of the manifest that this request had no time for; sending it again does them. */
export const ImportedCompany = Type.Object(
  {
    created: Type.Array(ImportedTarget, { maxItems: 2 * limits.manifestTargetsMax }),
    missingSecrets: Type.Array(
      Type.Object({ target: ImportedTarget, name: VariableName }, { additionalProperties: false }),
      { maxItems: 2 * limits.manifestTargetsMax * limits.environmentEntriesMax }
    ),
    remaining: Type.Integer({ minimum: 0 })
  },
  { additionalProperties: false }
)
export type ImportedCompany = Static<typeof ImportedCompany>

export const importCompany = defineRoute({
  operationId: 'importCompany',
  summary: 'Makes the agents and projects of a manifest that are missing, and names the secrets to fill in.',
  method: 'POST',
  path: '/companies/:companyId/import',
  auth: { actors: ['board'], role: 'admin' },
  schema: {
    params: CompanyParams,
    body: Type.Object({ manifest: CompanyManifest }, { additionalProperties: false }),
    response: { 200: ImportedCompany }
  },
  bodyBytesMax: limits.manifestBodyBytesMax,
  problems: [
    'company_forbidden',
    'read_only_role',
    'company_archived',
    'env_invalid',
    'export_too_large',
    'secrets_unavailable'
  ]
})
