import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { builtServices } from '../built-services.js'
import type { ServiceName } from '../launcher/database-roles.js'
import type { DatabaseFacts } from './database-facts.js'
import type { DoctorContext } from './doctor-context.js'

/** What keeps a service from starting on its schema, and the next step. */
export interface SchemaFault {
  readonly message: string
  readonly repair: string
}

const services = ['gateway', 'secrets'] as const

/** Judges both schemas as the services do when they start; one whose database does not answer is not judged. */
export async function findSchemaFaults(context: DoctorContext, facts: DatabaseFacts): Promise<SchemaFault[]> {
  const faults: SchemaFault[] = []
  for (const service of services) {
    const found = facts[service]
    if (found === null) continue
    const fault = judge(service, { applied: found.migrations, known: await knownMigrations(service) })
    if (fault !== null) faults.push({ ...fault, repair: fault.repair ?? migrateStep(context) })
  }
  return faults
}

function judge(
  service: ServiceName,
  { applied, known }: { applied: readonly string[] | null; known: readonly string[] | null }
): { message: string; repair?: string } | null {
  if (applied === null)
    return {
      message: `the role of the ${service} service may not read its schema`,
      repair: 'name the role that was made for it, or grant it what it needs (deploy/postgres/README.md)'
    }
  if (applied.length === 0) return { message: `the schema "${service}" is not migrated` }
  if (known === null) return null
  const newer = applied.filter((name) => !known.includes(name))
  if (newer.length > 0)
    return {
      message: `the schema "${service}" is newer than this build: it has ${newer.join(', ')}`,
      repair: 'run the build that migrated it, or a newer one (deploy/updates.md)'
    }
  const missing = known.filter((name) => !applied.includes(name))
  return missing.length === 0
    ? null
    : { message: `the schema "${service}" is older than this build: it lacks ${missing.join(', ')}` }
}

/** Null where the command line is here without the services, as in its image. */
async function knownMigrations(service: ServiceName): Promise<readonly string[] | null> {
  const names = await readdir(join(builtServices[service], '../../migrations')).catch(() => null)
  return names?.map((name) => name.replace(/\.sql$/, '')) ?? null
}

function migrateStep({ isByEnvironment }: DoctorContext): string {
  return isByEnvironment
    ? "run that service's migration, as the owner role of its schema"
    : 'start the instance with `paperclipai run`, which migrates'
}
