import { defaultProvider } from '@aws-sdk/credential-provider-node'
import type { LoadedCredentials } from './aws-credentials.js'

const nothing = () => {}

/** Told that some of its sources are absent, it would say so on the console, past our log. */
const quiet = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }

/**
 * The default chain of AWS: environment, profiles and SSO, processes, web identity, then metadata of container or
 * instance. Asks the source each time: the cache is ours, since the chain's own gives expiring credentials once more.
 */
export function createCredentialChain(): () => Promise<LoadedCredentials> {
  const chain = defaultProvider({ logger: quiet })
  return () => chain({ forceRefresh: true })
}
