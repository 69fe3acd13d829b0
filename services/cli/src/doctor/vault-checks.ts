import type {
  ProviderFacts,
  ProviderId,
  SecretProviderHealth,
  SecretProviderView,
  VaultView
} from '@paperclip/contracts'
import { type CheckResult, resultsOf } from './doctor-check.js'

const usable = ['ready', 'warning']

/** What a provider without any vault comes to, for a company that keeps values there, or does not. */
export function checkProviderOf(
  health: SecretProviderHealth,
  { view, isUsed }: { view: SecretProviderView; isUsed: boolean }
): CheckResult {
  const { pass, warn, fail } = resultsOf(health.provider)
  const { status, warnings = [] } = health
  const message = health.message + factsText(health.details)
  if (status === 'ok') return pass(message)
  if (!view.supportsManagedValues && !view.supportsExternalReferences) return pass('cannot be used yet')
  // Vaults bring what the deployment does not say, and whoever keeps everything here needs neither.
  if (!view.configured && !isUsed) return pass('not set up for values without a vault, and not used so')
  return (status === 'warn' ? warn : fail)(message, stepsOf(warnings))
}

/** What the last look at a vault found. */
export function checkVault(vault: VaultView): CheckResult {
  const { pass, warn, fail } = resultsOf(`vault ${vault.displayName}`)
  const { id, status, healthStatus, healthCheckedAt, healthMessage, healthDetails } = vault
  if (status === 'disabled') return pass('disabled: takes no values; what lies in it can still be read')
  if (status === 'coming_soon') return pass('a draft: its provider cannot be used yet')
  const step = `run \`paperclipai vault health ${id}\`, or this with --probe`
  if (healthStatus === null || healthCheckedAt === null) return warn('never checked', step)
  const found = `${healthMessage ?? healthStatus}${factsText(healthDetails)}`
  const message = `${found} (checked ${healthCheckedAt})`
  if (healthStatus === 'ready') return pass(message)
  const steps = stepsOf(healthDetails?.guidance ?? []) ?? step
  return healthStatus === 'error' ? fail(message, steps) : warn(message, steps)
}

/** Whoever writes a value is offered the default; with several vaults and none, each writer has to know. */
export function checkDefaults(vaults: readonly VaultView[]): CheckResult[] {
  const providers = new Set(vaults.filter(isUsable).map(({ provider }) => provider))
  return [...providers].map((provider) => checkDefault(provider, vaults.filter(isUsable)))
}

function checkDefault(provider: ProviderId, inUse: readonly VaultView[]): CheckResult {
  const { pass, warn } = resultsOf(`default of ${provider}`)
  const own = inUse.filter((vault) => vault.provider === provider)
  const chosen = own.find(({ isDefault }) => isDefault)
  if (chosen !== undefined) return pass(`the vault ${chosen.displayName}`)
  return warn(
    'no vault is the default: values go where the deployment says, unless their writer chooses',
    `run \`paperclipai vault default ${own[0]?.id ?? '<vault>'}\``
  )
}

function isUsable({ status }: VaultView): boolean {
  return usable.includes(status)
}

/** Where a provider was looked for, and as whom. */
function factsText(facts: ProviderFacts | null | undefined): string {
  if (facts?.region === undefined) return ''
  const { region, secretNamePrefix, namespace, kmsKeyConfigured, credentialSource } = facts
  const place = `${region}, ${secretNamePrefix ?? '?'}/${namespace ?? '?'}`
  const key = kmsKeyConfigured ? 'own KMS key' : 'no own KMS key'
  return ` [${place}, ${key}, credentials: ${credentialSource ?? 'none'}]`
}

function stepsOf(sentences: readonly string[]): string | undefined {
  return sentences.length === 0 ? undefined : sentences.join(' ')
}
