import * as agent from './agent.js'
import * as audit from './audit.js'
import * as boardClaim from './board-claim.js'
import * as boardKey from './board-key.js'
import * as cliAuth from './cli-auth.js'
import * as company from './company.js'
import * as environment from './environment.js'
import * as health from './health.js'
import * as invite from './invite.js'
import * as member from './member.js'
import * as project from './project.js'
import type { Route } from './route.js'
import * as run from './run.js'
import * as runtime from './runtime.js'
import * as secret from './secret.js'
import * as user from './user.js'

function isRoute(value: unknown): value is Route {
  return typeof value === 'object' && value !== null && 'config' in value && 'path' in value
}

/** Every route of both services, for the API document, the forwarder and the tests that walk them all. */
export const routes: readonly Route[] = [
  health,
  boardClaim,
  cliAuth,
  boardKey,
  company,
  member,
  invite,
  user,
  project,
  agent,
  run,
  secret,
  environment,
  runtime,
  audit
].flatMap((noun) => Object.values(noun).filter(isRoute))
