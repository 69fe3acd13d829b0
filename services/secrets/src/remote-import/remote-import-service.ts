import type { CommitRemoteImport, ImportResult, ImportRow, RemoteImportReport } from '@paperclip/contracts'
import { type Db, transaction } from '@paperclip/db'
import { insertActivity } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { refuseShredded } from '../keyring/shredded.js'
import { claimNonce } from '../nonce/nonce-store.js'
import type { FindReferenceRules, ReferenceProblem } from '../provider/reference-rules.js'
import type { OwnCredentials } from '../secret/own-credentials.js'
import { holdChosenVault } from '../vault/chosen-vault.js'
import { importActivity } from './import-activity.js'
import { linkRows } from './import-linking.js'
import { chooseImportPlace, type ImportPlace } from './import-place.js'
import { type CheckedRow, checkRow, isTidyReference, textOfRows } from './import-plan.js'
import { lockImports } from './remote-import-store.js'

interface RemoteImportDeps {
  db: Db<SecretsDatabase>
  findRules: FindReferenceRules
  ownCredentials: Pick<OwnCredentials, 'refuse'>
}

/** Links remote secrets, many at once. */
export interface RemoteImportService {
  /**
   * Judges each row for itself and links those that nothing is in the way of, all in one transaction. Whatever a
   * preview said is asked again; the provider is asked nothing. Throws what {@link chooseImportPlace} does, and
   * `invalid_request` or `infra_secret` when a row holds a credential where a name belongs.
   */
  commit(caller: Caller, companyId: string, input: CommitRemoteImport): Promise<RemoteImportReport>
}

/** Lost races (a deadlock, a serialisation failure) are run again from the start this often. */
const attemptsMax = 3

/** Makes the service. */
export function createRemoteImportService(deps: RemoteImportDeps): RemoteImportService {
  const { db, ownCredentials } = deps
  return {
    async commit(caller, companyId, { providerConfigId, secrets }) {
      ownCredentials.refuse(textOfRows(secrets).join('|'))
      const place = await chooseImportPlace(deps, companyId, providerConfigId)
      const checked = await checkRows(secrets, place)
      const { vault } = place
      return await transaction(
        db,
        async (tx) => {
          await claimNonce(tx, caller)
          await refuseShredded(tx, companyId)
          await lockImports(tx, companyId)
          await holdChosenVault(tx, vault)
          const results = await linkRows(tx, { caller, place, checked })
          const counts = countsOf(results)
          await insertActivity(tx, caller, importActivity('completed', vault, counts))
          return { providerConfigId: vault.id, provider: vault.provider, ...counts, results }
        },
        { attemptsMax }
      )
    }
  }
}

async function checkRows(rows: readonly ImportRow[], { vault, rules }: ImportPlace): Promise<CheckedRow[]> {
  const tidy = rows.map(({ externalRef }) => externalRef).filter(isTidyReference)
  const problems = await rules.judgeAll(tidy, { companyId: vault.companyId, vault })
  const problemOf = new Map(tidy.map((externalRef, index) => [externalRef, problems[index] ?? null]))
  return rows.map((row) => {
    const problem = problemOf.get(row.externalRef)
    const refusal: ReferenceProblem | null = problem === undefined ? 'external_ref_invalid' : problem
    return checkRow(row, refusal, rules)
  })
}

function countsOf(results: readonly ImportResult[]) {
  const count = (wanted: ImportResult['status']) => results.filter(({ status }) => status === wanted).length
  return {
    importedCount: count('imported'),
    skippedCount: count('skipped'),
    errorCount: count('error')
  }
}
