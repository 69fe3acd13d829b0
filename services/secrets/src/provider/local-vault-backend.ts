import { newId, problems } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { IntegrityError } from '../crypto/crypto-error.js'
import { systemRandomBytes } from '../crypto/random-bytes.js'
import type { SecretProvider } from './provider.js'
import type { ProbeResult, VaultBackend } from './vault-backend.js'

const canaryBytes = 32

/**
 * Probes local encryption the way secrets use it: a canary is sealed and opened under the company's own key, which
 * the master key must have unwrapped. `warnings` are about the master key's file.
 */
export function createLocalVaultBackend(
  local: SecretProvider,
  { masterKeySource, warnings }: { masterKeySource: string; warnings: readonly string[] }
): VaultBackend {
  return {
    isConfigured: true,
    describe: () => 'a canary was sealed and opened',
    backupGuidance: backupGuidance(masterKeySource),
    references: null,
    async probe(companyId) {
      try {
        await sealAndOpen(local, companyId)
      } catch (error) {
        return failureOf(error)
      }
      return warnings.length === 0 ? ready : { ...warning, guidance: warnings }
    }
  }
}

const ready: ProbeResult = {
  status: 'ready',
  code: 'provider_ready',
  message: 'A test value was sealed and opened with the key of this company.',
  guidance: [],
  facts: {}
}

const warning: ProbeResult = {
  ...ready,
  status: 'warning',
  code: 'provider_warning',
  message: 'A test value was sealed and opened, but the master key needs attention.'
}

async function sealAndOpen(local: SecretProvider, companyId: string): Promise<void> {
  const { storage } = local
  if (storage.kind !== 'sealed') throw new TypeError('values of this provider are not sealed here')
  const place = { companyId, secretId: newId(), versionId: newId() }
  const canary = systemRandomBytes(canaryBytes)
  const stored = await storage.seal(place, canary)
  const row = { ...stored, vault: null, key: 'canary', managedMode: 'paperclip_managed' } as const
  const opened = await local.readVersion(place, row)
  if (!opened.equals(canary)) throw new IntegrityError()
}

/** What the company's key says is a finding; anything else, such as a lost database, is for the caller. */
function failureOf(error: unknown): ProbeResult {
  const code =
    error instanceof IntegrityError ? 'integrity_failure' : error instanceof AppError ? error.code : null
  if (code === null) throw error
  return {
    status: 'error',
    code,
    message: problems[code].title,
    guidance: [
      'Run `paperclipai doctor` on the machine of the secrets service: it names the key that is needed.'
    ],
    facts: {}
  }
}

function backupGuidance(masterKeySource: string): readonly string[] {
  return [
    `Values are sealed in the database under the master key of ${masterKeySource}: keep a copy of that key, apart from the copies of the database.`,
    'Without the master key no stored value can be opened again, by anybody. Without the database the key opens nothing.',
    'Before you replace a master key, keep the former one until every company key is wrapped anew.',
    'Restore both on another machine from time to time, and run this check there.'
  ]
}
