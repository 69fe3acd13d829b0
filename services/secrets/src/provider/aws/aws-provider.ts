import type { SecretProvider } from '../provider.js'
import { ProviderError } from '../remote-storage.js'
import type { AwsClients } from './aws-clients.js'
import { healthProbeNameOf } from './aws-naming.js'
import { placeOf } from './aws-place.js'
import { asProblem } from './aws-problem.js'
import { isInvalidRequest } from './aws-read-value.js'
import { createAwsReader } from './aws-reader.js'
import type { AwsSettings } from './aws-settings.js'
import { createAwsStorage } from './aws-storage.js'
import type { ReferenceGuard } from './reference-guard.js'
import { remember } from './remembered-check.js'

interface AwsProviderDeps {
  settings: AwsSettings
  clients: AwsClients
  guard: ReferenceGuard
  nowMs: () => number
}

/** How long a finding of the health check is repeated: health is polled, and each call costs. */
const findingKeptMs = 30_000
/** Long enough for credentials and a first connection. */
const healthDeadlineMs = 4_000
/** The gateway gives the health of this service 1.5 s. */
const healthWaitMsMax = 1_000

/** Keeps values at AWS Secrets Manager, and reads those of others there. */
export function createAwsProvider({ settings, clients, guard, nowMs }: AwsProviderDeps): SecretProvider {
  return {
    descriptor: {
      id: 'aws_secrets_manager',
      label: 'AWS Secrets Manager',
      supportsManagedValues: true,
      supportsExternalReferences: true
    },
    storage: createAwsStorage({ settings, clients }),
    checkReference: (reference, where) => guard.check(reference, where),
    readVersion: createAwsReader({ settings, clients, guard }),
    checkHealth: remember(
      async () => {
        const place = placeOf(settings, null)
        const secretId = healthProbeNameOf(place)
        const { values } = clients.of(place.region)
        await asProblem(
          values.findVersion({ secretId, deadlineMs: healthDeadlineMs }).catch((error: unknown) => {
            // Somebody's own that is about to be deleted: the way there is open.
            if (!isInvalidRequest(error)) throw error
          })
        )
      },
      { keptMs: findingKeptMs, waitMsMax: healthWaitMsMax, nowMs, stillUnknown }
    )
  }
}

function stillUnknown(): ProviderError {
  const detail = 'AWS Secrets Manager has not answered yet.'
  return new ProviderError('provider_unavailable', { detail, mayHaveActed: false })
}
