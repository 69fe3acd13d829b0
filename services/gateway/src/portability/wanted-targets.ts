import {
  type CompanyManifest,
  type Environment,
  type EnvironmentFault,
  environmentPointer,
  isSensitive,
  type ProblemEntry,
  plainValueFault,
  plainValuesFault,
  redactionPlaceholder,
  variableNameFault
} from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { cleanName } from '../text.js'
import type { DeclaredVariables } from './declared-environments.js'

/** An agent or project as a manifest wants it. */
export interface WantedTarget {
  readonly type: 'agent' | 'project'
  readonly name: string
  /** Null for a project. */
  readonly adapterType: string | null
  readonly env: DeclaredVariables
  /** Where in the body it stands. */
  readonly pointer: string
}

/** Faults that one answer names; the rest are told when these are mended. */
const faultsMax = 100

/** Lists what a manifest wants. Throws the faults of names and variables that cannot be, before anything is made. */
export function wantedOf({ agents, projects }: CompanyManifest): WantedTarget[] {
  const wanted: WantedTarget[] = [
    ...agents.map((agent, at) => ({
      type: 'agent' as const,
      ...agent,
      name: cleanName(agent.name, `/manifest/agents/${at}/name`),
      adapterType: cleanName(agent.adapterType, `/manifest/agents/${at}/adapterType`),
      pointer: `/manifest/agents/${at}`
    })),
    ...projects.map((project, at) => ({
      type: 'project' as const,
      adapterType: null,
      ...project,
      name: cleanName(project.name, `/manifest/projects/${at}/name`),
      pointer: `/manifest/projects/${at}`
    }))
  ]
  const faults = wanted.flatMap(faultsOf)
  if (faults.length > 0)
    throw new AppError('env_invalid', {
      detail: `${faults.length} ${faults.length === 1 ? 'entry' : 'entries'} of the manifest cannot be; nothing was made.`,
      errors: faults.slice(0, faultsMax)
    })
  return wanted
}

/** The values that go along. One that looks like a secret was not written by an export, and is not set. */
export function plainOf(env: DeclaredVariables): Environment {
  return Object.fromEntries(plainValues(env).map(([name, value]) => [name, { type: 'plain', value }]))
}

function plainValues(env: DeclaredVariables): [name: string, value: string][] {
  return Object.entries(env).flatMap(([name, { kind, value }]): [string, string][] =>
    kind === 'plain' && value !== undefined && value !== redactionPlaceholder && !isSensitive(name, value)
      ? [[name, value]]
      : []
  )
}

/** Makes one target; what its environment is refused for is said of its place in the manifest. */
export async function placing<T>({ pointer }: WantedTarget, make: () => Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'env_invalid') throw error
    throw new AppError('env_invalid', {
      detail:
        'An entry of the manifest cannot be. What stands before it was made: mend it, and import again.',
      errors: (error.errors ?? []).map((entry) => ({ ...entry, pointer: pointer + entry.pointer })),
      cause: error
    })
  }
}

function faultsOf({ env, pointer }: WantedTarget): ProblemEntry[] {
  const plain = plainValues(env)
  const together = plainValuesFault(plain.map(([, value]) => value))
  const at = (name: string, fault: EnvironmentFault | undefined): ProblemEntry[] =>
    fault === undefined ? [] : [{ pointer: environmentPointer(name, { under: pointer }), ...fault }]
  return [
    ...Object.keys(env).flatMap((name) => at(name, variableNameFault(name))),
    ...plain.flatMap(([name, value]) => at(name, plainValueFault(value))),
    ...(together === undefined ? [] : [{ pointer: `${pointer}/env`, ...together }])
  ]
}
