import type { Db } from '@paperclip/db'
import type { SecretsDatabase } from '../../database.js'
import { warningTexts } from './aws-probe-finding.js'
import { hasSeveralCompanies, hasVaults } from './aws-probe-store.js'
import type { AwsSettings } from './aws-settings.js'

/**
 * Says when one role reads for several companies and nothing limits what each of them may link; undefined otherwise,
 * and where nobody has anything at AWS.
 */
export async function findDeploymentWarning(
  db: Db<SecretsDatabase>,
  { externalPrefixes, region }: Pick<AwsSettings, 'externalPrefixes' | 'region'>
): Promise<string | undefined> {
  if (externalPrefixes !== null) return undefined
  const isInUse = region !== null || (await hasVaults(db))
  return isInUse && (await hasSeveralCompanies(db)) ? warningTexts.references_unlimited : undefined
}
