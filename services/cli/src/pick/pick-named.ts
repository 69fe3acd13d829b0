import type { GatewayClient } from '@paperclip/client'
import {
  isUuid,
  listAgents,
  listProjects,
  listSecretCatalog,
  looksLikeCredential
} from '@paperclip/contracts'
import { CliError, exitCodes } from '../cli-error.js'
import { wholePages } from '../output/list-rows.js'

/** Something with an id and names people may use for it. */
export interface Named {
  readonly id: string
  readonly names: readonly string[]
}

/** Finds an agent by id, or by a name that only one living agent of the company has. */
export async function pickAgent(client: GatewayClient, companyId: string, agent: string): Promise<string> {
  if (isUuid(agent)) return agent
  const living: Named[] = []
  for await (const page of client.pages(listAgents, pageOf(companyId)))
    for (const { id, name, status } of page) if (status !== 'terminated') living.push({ id, names: [name] })
  return pickOne(living, { noun: 'agent', given: agent, list: 'paperclipai agent list' })
}

/** Finds a project by id or unique name. */
export async function pickProject(
  client: GatewayClient,
  companyId: string,
  project: string
): Promise<string> {
  if (isUuid(project)) return project
  const found: Named[] = []
  for await (const page of client.pages(listProjects, pageOf(companyId)))
    for (const { id, name } of page) found.push({ id, names: [name] })
  return pickOne(found, { noun: 'project', given: project, list: 'paperclipai project list' })
}

/** Finds a secret by id, by key, or by name. A key wins over a name, and both are unique in a company. */
export async function pickSecret(client: GatewayClient, companyId: string, secret: string): Promise<string> {
  if (isUuid(secret)) return secret
  const byKey: Named[] = []
  const byName: Named[] = []
  for await (const page of client.pages(listSecretCatalog, pageOf(companyId)))
    for (const { id, key, name } of page) {
      byKey.push({ id, names: [key] })
      byName.push({ id, names: [name] })
    }
  const hasKey = byKey.some(({ names }) => names.includes(secret))
  return pickOne(hasKey ? byKey : byName, { noun: 'secret', given: secret, list: 'paperclipai secrets list' })
}

/** Looks up the keys of secrets by id, for people to read. */
export async function secretKeysById(
  client: GatewayClient,
  companyId: string
): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>()
  for await (const page of client.pages(listSecretCatalog, pageOf(companyId)))
    for (const { id, key } of page) keys.set(id, key)
  return keys
}

function pageOf(companyId: string) {
  return { params: { companyId }, query: wholePages }
}

/** Gives the id of the only candidate with a name. Fails when there is none, and lists them when there are several. */
export function pickOne(
  candidates: readonly Named[],
  { noun, given, list }: { noun: string; given: string; list: string }
): string {
  const matching = candidates.filter(({ names }) => names.includes(given))
  const [only, ...others] = matching
  if (only === undefined)
    throw new CliError(`there is no ${noun} ${shown(given)} in this company`, {
      hint: `see \`${list}\``
    })
  if (others.length === 0) return only.id
  throw new CliError(`several ${noun}s are named ${shown(given)}`, {
    exitCode: exitCodes.misuse,
    lines: matching.map(({ id }) => id),
    hint: 'give the id instead of the name'
  })
}

/** A value that stands where a name belongs is not repeated. */
export function shown(given: string): string {
  return looksLikeCredential(given) ? 'of this name (it looks like a value)' : JSON.stringify(given)
}
