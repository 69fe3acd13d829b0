import { createHash } from 'node:crypto'
import {
  type ImportCandidate,
  limits,
  type PreviewRemoteImport,
  type ProviderId,
  providerHandlerMsMax,
  type RemoteImportPreview
} from '@paperclip/contracts'
import { type Db, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { claimNonce } from '../nonce/nonce-store.js'
import type { ReferenceLister, ReferencePage } from '../provider/reference-lister.js'
import type { FindReferenceRules } from '../provider/reference-rules.js'
import { checkSearch } from '../vault/vault-input.js'
import { importActivity } from './import-activity.js'
import { toCandidates } from './import-candidates.js'
import { chooseImportPlace, type ImportPlace, unsupported } from './import-place.js'
import { suggestName } from './import-suggestion.js'
import { createOccupiedPlaces } from './occupied-places.js'
import { releasePreviewLease, takePreviewLease } from './preview-lease-store.js'
import { findTaken } from './remote-import-store.js'

/**
 * All that a preview has of a provider is a lister and rules: neither can read a value. Null: this provider has no
 * inventory.
 */
interface PreviewDeps {
  db: Db<SecretsDatabase>
  findLister: (provider: ProviderId) => ReferenceLister | null
  findRules: FindReferenceRules
}

/** Looks at what could be imported. */
export interface RemoteImportPreviewer {
  /**
   * Lists one page and says what each entry would collide with. Throws what {@link chooseImportPlace} does,
   * `preview_in_progress` while the same search of the vault is under way on any process, and the provider's codes.
   */
  preview(caller: Caller, companyId: string, input: PreviewRemoteImport): Promise<RemoteImportPreview>
}

/** No call of a provider lasts longer than its route may, so whoever still holds a lease then has died. */
const leaseSeconds = providerHandlerMsMax / 1_000
const retryAfterSeconds = 1
const attemptsMax = 3

/** Makes the previewer. It follows no cursor by itself: each page is asked for. */
export function createRemoteImportPreviewer(deps: PreviewDeps): RemoteImportPreviewer {
  const { db, findLister } = deps
  return {
    async preview(caller, companyId, { providerConfigId, query: sent, nextToken = null, pageSize }) {
      const query = checkSearch(sent)
      const place = await chooseImportPlace(deps, companyId, providerConfigId)
      const { id: vaultId, provider, config } = place.vault
      const lister = findLister(provider)
      if (lister === null) throw unsupported(place.vault)
      const request = { config, query, nextToken, pageSize: pageSize ?? limits.remotePageRowsDefault }
      const page = await alone(db, { caller, vaultId, query }, () => lister.listReferences(request))
      const candidates = await candidatesOf(db, place, page)
      const activity = importActivity('previewed', place.vault, countsOf(candidates))
      await transaction(db, (tx) => insertActivity(tx, caller, activity), { attemptsMax })
      return { providerConfigId: vaultId, provider, nextToken: page.nextToken, candidates }
    }
  }
}

/** Runs the one call to the provider under the lease of its vault and search, which every process sees. */
async function alone(
  db: Db<SecretsDatabase>,
  { caller, vaultId, query }: { caller: Caller; vaultId: string; query: string | null },
  list: () => Promise<ReferencePage>
): Promise<ReferencePage> {
  const search = createHash('sha256').update(JSON.stringify(query)).digest()
  const lease = await transaction(
    db,
    async (tx) => {
      await claimNonce(tx, caller)
      return takePreviewLease(tx, { vaultId, search, seconds: leaseSeconds })
    },
    { attemptsMax }
  )
  if (lease === undefined)
    throw new AppError('preview_in_progress', {
      detail: 'This search of the vault is under way already. Try again when it has ended.',
      retryAfterSeconds
    })
  try {
    return await list()
  } finally {
    // A lease that cannot be given back ends by itself, and what was found is found.
    await releasePreviewLease(db, lease).catch(() => {})
  }
}

async function candidatesOf(
  db: Db<SecretsDatabase>,
  { vault, rules }: ImportPlace,
  { references }: ReferencePage
): Promise<ImportCandidate[]> {
  const problems = await rules.judgeAll(
    references.map(({ externalRef }) => externalRef),
    { companyId: vault.companyId, vault }
  )
  const suggestions = references.map(({ remoteName }) => suggestName(remoteName))
  const taken = await findTaken(db, {
    companyId: vault.companyId,
    vaultId: vault.id,
    names: suggestions.map(({ name }) => name),
    keys: suggestions.map(({ key }) => key),
    remoteNames: references.map(({ externalRef }) => rules.spellingsOf(externalRef).at(-1) ?? externalRef)
  })
  const judged = references.map((reference, index) => ({ reference, problem: problems[index] ?? null }))
  return toCandidates(judged, createOccupiedPlaces(taken, rules))
}

function countsOf(candidates: readonly ImportCandidate[]): Record<string, number> {
  const count = (wanted: ImportCandidate['status']) =>
    candidates.filter(({ status }) => status === wanted).length
  return {
    candidateCount: candidates.length,
    readyCount: count('ready'),
    duplicateCount: count('duplicate'),
    conflictCount: count('conflict')
  }
}
