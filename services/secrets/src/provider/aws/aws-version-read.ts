import { ProviderError } from '../remote-storage.js'
import { startDeadline } from './aws-call.js'
import { AwsError } from './aws-error.js'
import { asProblem } from './aws-problem.js'
import type { AwsValue, AwsValues, AwsVersionSelector } from './aws-values.js'

/**
 * Reads a version, and says what it is that is not there: `version_missing` if the secret still is, else
 * `provider_not_found`. AWS gives both the same type; asking for the current version, which every secret has, tells them
 * apart with the permission that was needed anyway. Its value is not looked at. Rejects with `ProviderError`.
 */
export async function readOrExplain(
  values: Pick<AwsValues, 'readValue' | 'findVersion'>,
  version: AwsVersionSelector
): Promise<AwsValue> {
  const leftMs = startDeadline(version.deadlineMs)
  return asProblem(
    values.readValue({ ...version, deadlineMs: leftMs() }).catch(async (error: unknown) => {
      const { secretId, versionId, versionLabel } = version
      const isPinned = versionId !== undefined || versionLabel !== undefined
      if (!isPinned || !(error instanceof AwsError) || error.kind !== 'not_found') throw error
      const secret = await values.findVersion({ secretId, deadlineMs: leftMs() })
      throw secret === null ? error : versionMissing(error)
    })
  )
}

function versionMissing(cause: AwsError): ProviderError {
  return new ProviderError('version_missing', {
    detail:
      'AWS Secrets Manager has the secret and no longer this version: it forgets old ones without a label.',
    cause,
    mayHaveActed: false
  })
}
