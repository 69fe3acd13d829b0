import * as agent from './agent.js'
import * as audit from './audit.js'
import * as boardClaim from './board-claim.js'
import * as boardKey from './board-key.js'
import * as cliAuth from './cli-auth.js'
import * as company from './company.js'
import * as environment from './environment.js'
import * as health from './health.js'
import * as inlineMigration from './inline-migration.js'
import * as invite from './invite.js'
import * as masterKey from './master-key.js'
import * as member from './member.js'
import * as portability from './portability.js'
import * as project from './project.js'
import * as remoteImport from './remote-import.js'
import type { Route } from './route.js'
import * as run from './run.js'
import * as runtime from './runtime.js'
import * as secret from './secret.js'
import * as secretCatalog from './secret-catalog.js'
import * as secretProvider from './secret-provider.js'
import * as secretUsage from './secret-usage.js'
import * as secretVersion from './secret-version.js'
import * as session from './session.js'
import * as user from './user.js'
import * as vault from './vault.js'

function isRoute(value: unknown): value is Route {
  return typeof value === 'object' && value !== null && 'config' in value && 'path' in value
}

/** Every noun with its routes, in the order in which one reads about them. */
const nouns: readonly (readonly [title: string, contracts: object])[] = [
  ['Health and identity', health],
  ['First admin', boardClaim],
  ['Sign-in of the CLI', cliAuth],
  ['Board keys', boardKey],
  ['Companies', company],
  ['Members', member],
  ['Invites', invite],
  ['Users of the instance', user],
  ['Projects', project],
  ['Agents and their keys', agent],
  ['Runs', run],
  ['Secrets', { ...secret, ...secretCatalog, ...secretVersion, ...secretUsage }],
  ['Providers', secretProvider],
  ['Provider vaults', vault],
  ['Remote import', remoteImport],
  ['Environments', { ...environment, ...inlineMigration }],
  ['Portability', portability],
  ['Runtime', runtime],
  ['Audit', audit],
  ['Master keys of the instance', masterKey]
]

const contractsOf = (noun: object): readonly Route[] => Object.values(noun).filter(isRoute)

/** Every route of both services, for the API document, the forwarder and the tests that walk them all. */
export const routes: readonly Route[] = nouns.flatMap(([, noun]) => contractsOf(noun))

/** Routes that exist where people sign in: in authenticated mode, besides {@link routes}. */
export const sessionContracts: readonly Route[] = contractsOf(session)

const titles = new Map(
  [...nouns, ['Sign-up, sign-in and sessions', session] as const].flatMap(([title, noun]) =>
    contractsOf(noun).map((route) => [route, title] as const)
  )
)

/** What the noun of a route is called in the API document. */
export function nounOf(route: Route): string {
  return titles.get(route) ?? 'Other'
}
