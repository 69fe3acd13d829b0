import type { CompanyManifest, DeclarationQuery, SecretDeclaration } from '@paperclip/contracts'
import { limits } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Caller } from '../agent/agent-service.js'
import { findCompany } from '../company/company-store.js'
import type { GatewayDatabase } from '../database.js'
import { activityOf } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { SecretsHop } from '../vault/secrets-hop.js'
import { type CompanyTarget, listCompanyTargets } from './company-target-store.js'
import { type DeclaredVariables, keyOf, readDeclared } from './declared-environments.js'

/** A company as another instance may have it: names, and what must be filled in there. */
export interface CompanyExport {
  declarations(caller: Caller, companyId: string, query: DeclarationQuery): Promise<SecretDeclaration[]>
  /** Recorded before it is handed out: it lists who works there, and what opens what. */
  manifest(caller: Caller, companyId: string): Promise<CompanyManifest>
}

/** Makes the service. What is secret is left out by the secrets service; here only names are put to it. */
export function createCompanyExport(db: Db<GatewayDatabase>, mutate: Mutate, hop: SecretsHop): CompanyExport {
  async function read(caller: Caller, companyId: string) {
    const company = await findCompany(db, companyId)
    if (company === undefined) throw new AppError('company_not_found')
    const targets = await listCompanyTargets(db, companyId)
    return { company, targets, declared: await readDeclared(hop, companyId, caller.contextFor(companyId)) }
  }
  return {
    async declarations(caller, companyId, { include = 'agents,projects', kind = 'all' }) {
      const { targets, declared } = await read(caller, companyId)
      const types = include.split(',')
      return targets
        .filter(({ type }) => types.includes(`${type}s`))
        .flatMap((target) => declarationsOf(target, declared.get(keyOf(target.type, target.id)) ?? {}))
        .filter((declaration) => kind === 'all' || declaration.kind === kind)
    },
    async manifest(caller, companyId) {
      const { company, targets, declared } = await read(caller, companyId)
      const manifest = manifestOf(company.name, targets, declared)
      requireImportable(manifest)
      await mutate((tx) =>
        insertOutbox(tx, [
          activityOf(caller.actor, {
            companyId,
            action: 'company.exported',
            entityType: 'company',
            entityId: companyId,
            metadata: { agents: manifest.agents.length, projects: manifest.projects.length }
          })
        ])
      )
      return manifest
    }
  }
}

function manifestOf(
  name: string,
  targets: readonly CompanyTarget[],
  declared: ReadonlyMap<string, DeclaredVariables>
): CompanyManifest {
  const envOf = ({ type, id }: CompanyTarget) => ({ ...declared.get(keyOf(type, id)) })
  return {
    format: 'paperclip-company',
    version: 1,
    company: { name },
    agents: targets.flatMap((target) =>
      target.adapterType === null
        ? []
        : [{ name: target.name, adapterType: target.adapterType, env: envOf(target) }]
    ),
    projects: targets
      .filter(({ type }) => type === 'project')
      .map((target) => ({ name: target.name, env: envOf(target) }))
  }
}

/** What the body of an import has around its manifest, and some more. */
const aroundManifestBytes = 1_024

/** What cannot be imported is no export. */
function requireImportable(manifest: CompanyManifest): void {
  if (Buffer.byteLength(JSON.stringify(manifest)) > limits.manifestBodyBytesMax - aroundManifestBytes)
    throw new AppError('export_too_large', {
      detail: `A manifest may have ${limits.manifestBodyBytesMax} bytes.`
    })
}

function declarationsOf(
  { type, name: targetName }: CompanyTarget,
  env: DeclaredVariables
): SecretDeclaration[] {
  const target = { type, name: targetName }
  return Object.entries(env).map(([name, { kind, required }]) => ({ target, name, kind, required }))
}
