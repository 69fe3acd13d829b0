import {
  type CompanyManifest,
  type Environment,
  type ImportedCompany,
  type ImportedTarget,
  putProjectEnvironment
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import type { AgentService, Caller } from '../agent/agent-service.js'
import type { GatewayDatabase } from '../database.js'
import { activityOf } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { ProjectService } from '../project/project-service.js'
import { problemOfReply } from '../vault/hop-problem.js'
import { forwardMsMax, type SecretsHop } from '../vault/secrets-hop.js'
import { listCompanyTargets } from './company-target-store.js'
import { type DeclaredVariables, keyOf, readDeclared } from './declared-environments.js'
import { placing, plainOf, type WantedTarget, wantedOf } from './wanted-targets.js'

/** Loads a manifest into a company. */
export interface CompanyImport {
  /**
   * Makes what is missing by type and name; of several with one name as many as are too few. What is there is left as
   * it is, but for a project without any variable, which may be what an import that was cut off has left.
   *
   * Throws `invalid_request` or `env_invalid` with every place of the manifest that cannot be, before anything is made.
   */
  run(caller: Caller, companyId: string, manifest: CompanyManifest): Promise<ImportedCompany>
}

interface ImportDeps {
  db: Db<GatewayDatabase>
  mutate: Mutate
  hop: SecretsHop
  agents: Pick<AgentService, 'create'>
  projects: Pick<ProjectService, 'create'>
  /** A clock that never goes back. */
  monotonicMs: () => number
}

/** After this no other target is begun: the handler has 15 s in all. */
const workMsMax = 5_000

/** Makes the service. */
export function createCompanyImport(deps: ImportDeps): CompanyImport {
  const { db, hop, monotonicMs } = deps
  return {
    async run(caller, companyId, manifest) {
      const deadlineMs = monotonicMs() + workMsMax
      const wanted = wantedOf(manifest)
      const [free, before] = [namesOf(await listCompanyTargets(db, companyId)), await declaredOf()]
      const created: ImportedTarget[] = []
      const settled: { target: ImportedTarget; env: DeclaredVariables }[] = []
      for (const want of wanted) {
        if (created.length > 0 && monotonicMs() >= deadlineMs) break
        const found = free.get(keyOf(want.type, want.name))?.shift()
        const target = found ?? (await placing(want, () => make(deps, caller, { companyId, want })))
        if (found === undefined) created.push(target)
        if (want.type === 'project' && before.get(keyOf('project', target.id)) === undefined) {
          const env = plainOf(want.env)
          await placing(want, () => putProject(deps, caller, { companyId, projectId: target.id, env }))
        }
        settled.push({ target, env: want.env })
      }
      const remaining = wanted.length - settled.length
      await record(deps, caller, { companyId, created, remaining })
      const now = await declaredOf()
      const missingSecrets = settled.flatMap(({ target, env }) =>
        missingOf(env, now.get(keyOf(target.type, target.id)) ?? {}).map((name) => ({ target, name }))
      )
      return { created, missingSecrets, remaining }

      function declaredOf() {
        return readDeclared(hop, companyId, caller.contextFor(companyId))
      }
    }
  }
}

/** What was made has rows of its own; this one says that it came from a manifest. */
async function record(
  { mutate }: ImportDeps,
  { actor }: Caller,
  {
    companyId,
    created,
    remaining
  }: { companyId: string; created: readonly ImportedTarget[]; remaining: number }
): Promise<void> {
  const count = (type: ImportedTarget['type']) => created.filter((target) => target.type === type).length
  await mutate((tx) =>
    insertOutbox(tx, [
      activityOf(actor, {
        companyId,
        action: 'company.imported',
        entityType: 'company',
        entityId: companyId,
        metadata: { agents: count('agent'), projects: count('project'), remaining }
      })
    ])
  )
}

/** What is there, by type and name: each may be taken once. */
function namesOf(targets: readonly ImportedTarget[]): Map<string, ImportedTarget[]> {
  const names = new Map<string, ImportedTarget[]>()
  for (const { type, id, name } of targets) {
    const same = names.get(keyOf(type, name)) ?? []
    names.set(keyOf(type, name), [...same, { type, id, name }])
  }
  return names
}

async function make(
  { agents, projects }: ImportDeps,
  caller: Caller,
  { companyId, want: { type, name, adapterType, env } }: { companyId: string; want: WantedTarget }
): Promise<ImportedTarget> {
  if (type === 'project') {
    const project = await projects.create(caller.actor, companyId, { name })
    return { type, id: project.id, name: project.name }
  }
  const plain = plainOf(env)
  const agent = await agents.create(caller, companyId, {
    name,
    ...(adapterType === null ? {} : { adapterType }),
    ...(Object.keys(plain).length === 0 ? {} : { env: plain })
  })
  return { type, id: agent.id, name: agent.name }
}

async function putProject(
  { hop }: ImportDeps,
  caller: Caller,
  { companyId, projectId, env }: { companyId: string; projectId: string; env: Environment }
): Promise<void> {
  if (Object.keys(env).length === 0) return
  const reply = await hop.send({
    route: putProjectEnvironment,
    params: { companyId, projectId },
    body: JSON.stringify({ env }),
    actor: caller.contextFor(companyId),
    deadlineMs: forwardMsMax
  })
  if (reply.status !== 200) throw problemOfReply(reply)
}

/** The names that must be filled in by hand: nothing is stored under them here. */
function missingOf(env: DeclaredVariables, stored: DeclaredVariables): string[] {
  const plain = plainOf(env)
  return Object.keys(env).filter((name) => !Object.hasOwn(plain, name) && !Object.hasOwn(stored, name))
}
