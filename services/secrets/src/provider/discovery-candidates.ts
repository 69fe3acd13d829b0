import { type DiscoveryPreview, limits, type VaultConfig } from '@paperclip/contracts'
import type { RemoteReference } from './reference-lister.js'

type Candidate = DiscoveryPreview['candidates'][number]

const samplesMax = 3

/** As `secretNamePrefix` and `namespace` of a vault are written. */
const segment = /^[A-Za-z0-9_+=.@-]{1,128}$/

/**
 * Proposes a vault for each way in which remote names begin: their first part as prefix, their second as namespace
 * when something follows it. Those with the most names come first; names in one part belong to the vault as given.
 */
export function candidatesOf(config: VaultConfig, references: readonly RemoteReference[]): Candidate[] {
  const groups = new Map<string, { begin: readonly string[]; names: string[] }>()
  for (const { remoteName } of references) {
    const begin = beginningOf(remoteName)
    const key = begin.join('/')
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { begin, names: [remoteName] })
    else group.names.push(remoteName)
  }
  return [...groups.values()]
    .sort((a, b) => b.names.length - a.names.length)
    .map(({ begin, names }) => ({
      displayName: displayNameOf(config, begin),
      config: configOf(config, begin),
      sampleCount: names.length,
      samples: names.slice(0, samplesMax)
    }))
}

function beginningOf(remoteName: string): readonly string[] {
  const [prefix = '', namespace = '', ...rest] = remoteName.split('/').filter((part) => part !== '')
  if (namespace === '' || !segment.test(prefix)) return []
  return rest.length > 0 && segment.test(namespace) ? [prefix, namespace] : [prefix]
}

function configOf(
  { namespace: _, secretNamePrefix: __, ...place }: VaultConfig,
  begin: readonly string[]
): VaultConfig {
  const [secretNamePrefix, namespace] = begin
  return {
    ...place,
    ...(secretNamePrefix === undefined ? {} : { secretNamePrefix }),
    ...(namespace === undefined ? {} : { namespace })
  }
}

function displayNameOf({ region }: VaultConfig, begin: readonly string[]): string {
  const name = [begin.join('/') || 'All names', region].filter((part) => part !== undefined).join(' · ')
  return name.slice(0, limits.shortNameCharsMax)
}
