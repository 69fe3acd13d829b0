import { IntegrityError } from '../../crypto/crypto-error.js'
import type { SecretProvider, StoredVersion, ValuePlace } from '../provider.js'
import { ProviderError } from '../remote-storage.js'
import type { AwsClients } from './aws-clients.js'
import { placeOf } from './aws-place.js'
import { isVersionId } from './aws-reference-name.js'
import type { AwsSettings } from './aws-settings.js'
import { managedPlaceOf, requireOwnArn } from './aws-storage.js'
import type { AwsValue } from './aws-values.js'
import type { ReferenceGuard } from './reference-guard.js'

interface ReaderDeps {
  settings: AwsSettings
  clients: AwsClients
  guard: ReferenceGuard
}

/**
 * Reads values at AWS. Where one lies is judged anew before each call: a managed value only where it is now looked
 * for, a linked one only if it could be linked now. Versions by id are read once for all who ask at the same time.
 */
export function createAwsReader(deps: ReaderDeps): SecretProvider['readVersion'] {
  return async (place, stored) => {
    if (stored.externalRef === null) throw new IntegrityError()
    const read = stored.managedMode === 'paperclip_managed' ? readManaged : readLinked
    return textOf(await read(deps, { place, stored, secretId: stored.externalRef }))
  }
}

interface Wanted {
  readonly place: ValuePlace
  readonly stored: StoredVersion
  readonly secretId: string
}

async function readManaged(
  { settings, clients }: ReaderDeps,
  { place, stored, secretId }: Wanted
): Promise<AwsValue> {
  const managed = managedPlaceOf(settings, { ...stored, companyId: place.companyId })
  requireOwnArn(secretId, managed)
  // Our own id of a version is what AWS knows it by.
  const versionId = stored.providerVersionRef ?? place.versionId
  return clients.of(managed.place.region).readShared({ companyId: place.companyId, secretId, versionId })
}

/** What is current, or labelled, may change while it is read: only a version by its id is shared. */
async function readLinked(
  { settings, clients, guard }: ReaderDeps,
  { place: { companyId }, stored, secretId }: Wanted
): Promise<AwsValue> {
  const { vault, providerVersionRef } = stored
  await guard.check({ externalRef: secretId, providerVersionRef }, { companyId, vault })
  const { read, readShared } = clients.of(placeOf(settings, vault?.config ?? null).region)
  if (providerVersionRef === null) return read(companyId, { secretId })
  if (isVersionId(providerVersionRef))
    return readShared({ companyId, secretId, versionId: providerVersionRef })
  return read(companyId, { secretId, versionLabel: providerVersionRef })
}

/** Bytes need not be text, and a guess at how to write them would give a run something else than was stored. */
function textOf({ value, isBinary }: AwsValue): Buffer {
  if (!isBinary) return value
  value.fill(0)
  throw new ProviderError('value_not_text', {
    detail: 'The value is stored at AWS as bytes (SecretBinary). Store it there as text (SecretString).',
    mayHaveActed: false
  })
}
