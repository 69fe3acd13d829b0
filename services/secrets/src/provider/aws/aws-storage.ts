import { ProviderError, type RemoteStorage, type RemoteVersion } from '../remote-storage.js'
import type { AwsClients } from './aws-clients.js'
import { remoteNameOf, tagsOf } from './aws-naming.js'
import type { AwsRegion } from './aws-partition.js'
import { placeOf } from './aws-place.js'
import { asProblem } from './aws-problem.js'
import { isInvalidRequest } from './aws-read-value.js'
import { isArnOfName, leadsTo, parseAwsReference, shortestNameOf } from './aws-reference-name.js'
import type { AwsPlace, AwsSettings } from './aws-settings.js'
import type { AwsValues } from './aws-values.js'

/** Says where a managed value should lie, as things are set up now. */
export interface ManagedPlace {
  readonly place: AwsPlace
  readonly name: string
}

/** Finds the place and name of a managed secret. Throws `provider_not_configured`. */
export function managedPlaceOf(
  settings: AwsSettings,
  { companyId, key, vault }: Pick<RemoteVersion, 'companyId' | 'key' | 'vault'>
): ManagedPlace {
  const place = placeOf(settings, vault?.config ?? null)
  return { place, name: remoteNameOf(place, { companyId, key }) }
}

/**
 * Refuses an ARN that is not that of a managed secret's name where it is now looked for: prefix, namespace or region
 * have changed since, or the row did. No call is made for it.
 */
export function requireOwnArn(externalRef: string, { place: { region }, name }: ManagedPlace): void {
  if (!isArnOfName(externalRef, { name, region })) throw mismatch()
}

/** Values of ours at AWS. What is deleted or restored is found by its ARN alone, whatever its vault says by now. */
export function createAwsStorage({
  settings,
  clients
}: {
  settings: AwsSettings
  clients: AwsClients
}): RemoteStorage {
  const valuesIn = (region: AwsRegion): AwsValues => clients.of(region).values
  const valuesOfArn = (externalRef: string) => valuesIn(regionOfArn(externalRef))

  return {
    kind: 'remote',
    nameOf: (secret) => managedPlaceOf(settings, secret).name,
    nameIn: (externalRef) => {
      const reference = parseAwsReference(externalRef)
      if (reference === null) throw mismatch()
      return shortestNameOf(reference)
    },
    isIn: (externalRef, vault) => {
      const reference = parseAwsReference(externalRef)
      return reference !== null && leadsTo(reference, placeOf(settings, vault?.config ?? null).region)
    },
    isShared: ({ externalRef, vault }, secret) => {
      const wanted = managedPlaceOf(settings, secret)
      if (!isArnOfName(externalRef, { name: wanted.name, region: wanted.place.region })) return false
      return placeOf(settings, vault?.config ?? null).kmsKeyId === wanted.place.kmsKeyId
    },
    async create({ name, versionId, value, deadlineMs, ...secret }) {
      const { place } = managedPlaceOf(settings, secret)
      const { region, kmsKeyId } = place
      const tags = tagsOf(place, secret)
      const created = valuesIn(region).createSecret({ name, versionId, value, kmsKeyId, tags, deadlineMs })
      const { arn, tagged } = await asProblem(created)
      return { externalRef: arn, tagged }
    },
    async put({ externalRef, versionId, value, deadlineMs, ...secret }) {
      const managed = managedPlaceOf(settings, secret)
      requireOwnArn(externalRef, managed)
      const { region, kmsKeyId } = managed.place
      const version = { arn: externalRef, versionId, value, ownKey: kmsKeyId !== null, deadlineMs }
      await asProblem(valuesIn(region).putValue(version))
    },
    async find({ externalRef, versionId, deadlineMs, vault }) {
      const isArn = parseAwsReference(externalRef)?.arn != null
      const values = isArn
        ? valuesOfArn(externalRef)
        : valuesIn(placeOf(settings, vault?.config ?? null).region)
      const found = await asProblem(
        values.findVersion({ secretId: externalRef, versionId, deadlineMs }).catch(nullIfMarked)
      )
      return found === null ? null : { externalRef: found.arn }
    },
    async delete({ externalRef, deadlineMs }) {
      const { deleteRecoveryDays: recoveryDays } = settings
      return asProblem(valuesOfArn(externalRef).deleteSecret({ arn: externalRef, recoveryDays, deadlineMs }))
    },
    async restore({ externalRef, deadlineMs }) {
      await asProblem(valuesOfArn(externalRef).restoreSecret({ secretId: externalRef, deadlineMs }))
    },
    async findDeletionDate({ name, vault, deadlineMs }) {
      const { region } = placeOf(settings, vault?.config ?? null)
      return valuesIn(region).findDeletionDate({ secretId: name, deadlineMs })
    }
  }
}

/** The state of a secret comes before its versions: AWS shows none of one that is marked for deletion. */
function nullIfMarked(error: unknown): null {
  if (isInvalidRequest(error)) return null
  throw error
}

/** Deleting by anything less than a whole ARN could hit another secret. */
function regionOfArn(externalRef: string): AwsRegion {
  const reference = parseAwsReference(externalRef)
  if (reference === null || reference.arn === null) throw mismatch()
  return reference.arn.region
}

function mismatch(): ProviderError {
  return new ProviderError('reference_mismatch', {
    detail:
      'The value does not lie where the provider vault, or the deployment, now keeps values of this secret. Nothing was asked of AWS.',
    mayHaveActed: false
  })
}
