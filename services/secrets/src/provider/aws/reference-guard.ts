import type { Db } from '@paperclip/db'
import { AppError, createBatcher } from '@paperclip/server'
import type { SecretsDatabase } from '../../database.js'
import type { ExternalReference, ReferencePlace } from '../provider.js'
import type { ReferenceProblem } from '../reference-rules.js'
import { isAllowedExternalName } from './aws-external-prefix.js'
import { managedRootOf } from './aws-naming.js'
import type { AwsRegion } from './aws-partition.js'
import { placeOf } from './aws-place.js'
import {
  isVersionRef,
  leadsTo,
  parseAwsReference,
  readLoosely,
  shortestNameOf
} from './aws-reference-name.js'
import type { AwsSettings } from './aws-settings.js'
import { findManagedNames } from './managed-names-store.js'

/** Keeps references of somebody else's away from what is managed here, and from other companies' (T27, T34). */
export interface ReferenceGuard {
  /**
   * Judges a reference before it is linked, and before each read of it: the rules may have changed since. Gives it as
   * it is to be kept. Throws a {@link ReferenceProblem}, or `provider_not_configured` where the place has no region.
   */
  check(reference: ExternalReference, where: ReferencePlace): Promise<ExternalReference>
  /** Judges many, by name or ARN, with at most one statement; null for one that may be linked. */
  judgeAll(references: readonly string[], where: ReferencePlace): Promise<(ReferenceProblem | null)[]>
}

/** A whole environment of references, and others at the same time, ask once. */
const batchNamesMax = 500
const waitingNamesMax = 10_000

/** Makes the guard. It remembers nothing: a vault that was added a moment ago counts. */
export function createReferenceGuard({
  db,
  settings
}: {
  db: Db<SecretsDatabase>
  settings: AwsSettings
}): ReferenceGuard {
  const own = ownRootOf(settings)
  const managed = createBatcher<string, boolean>({
    run: (names) => findManagedNames(db, names, settings),
    itemsMax: batchNamesMax,
    inFlightMax: 2,
    waitingMax: waitingNamesMax
  })

  const isManaged = async (name: string) => (own !== null && name.startsWith(own)) || managed.submit(name)

  async function judge(reference: string, { companyId, region }: Judged): Promise<ReferenceProblem | null> {
    const loose = readLoosely(reference, region)
    if (loose === null) return 'external_ref_invalid'
    if (await isManaged(loose)) return 'external_ref_managed'
    const exact = parseAwsReference(reference)
    if (exact === null || !leadsTo(exact, region)) return 'external_ref_invalid'
    const { externalPrefixes: prefixes } = settings
    const isAllowed = isAllowedExternalName(shortestNameOf(exact), { prefixes, companyId })
    return isAllowed ? null : 'external_ref_not_allowed'
  }

  const judgeAll: ReferenceGuard['judgeAll'] = async (references, { companyId, vault }) => {
    const { region } = placeOf(settings, vault?.config ?? null)
    return Promise.all(references.map((reference) => judge(reference, { companyId, region })))
  }

  return {
    judgeAll,
    async check(reference, where) {
      const [problem] = await judgeAll([reference.externalRef], where)
      if (problem != null) throw new AppError(problem, { detail: details[problem] })
      const { providerVersionRef } = reference
      if (providerVersionRef !== null && !isVersionRef(providerVersionRef))
        throw new AppError('external_ref_invalid', { detail: versionDetail })
      return reference
    }
  }
}

interface Judged {
  readonly companyId: string
  readonly region: AwsRegion
}

/** What the deployment keeps without any vault. */
function ownRootOf(settings: AwsSettings): string | null {
  const { prefix, deploymentId } = settings
  return deploymentId === null ? null : managedRootOf({ prefix, namespace: deploymentId }).toLowerCase()
}

const details: Readonly<Record<ReferenceProblem, string>> = {
  external_ref_invalid:
    'An external reference is the name of a secret at AWS, or its ARN in the partition and region of the provider vault.',
  external_ref_managed:
    'What lies under the prefix and namespace of this deployment, or of a provider vault, is managed here: use the secret itself.',
  external_ref_not_allowed:
    'PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES does not let this company use references that begin like this one.'
}
const versionDetail = 'A version at AWS is named by its id or by a label of at most 256 characters.'
