import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import { nameCharactersMax } from './aws-limits.js'
import { namespaceOf } from './aws-place.js'
import type { AwsPlace } from './aws-settings.js'
import type { AwsTag } from './aws-values.js'

/** What of a secret goes into its remote name and tags. */
interface NamedSecret {
  readonly companyId: string
  readonly key: string
}

/** What AWS takes in a name; a slash would make two parts of one. */
const foreignInPart = /[^A-Za-z0-9_+=.@!-]/gu
/** Characters of a hash that keeps two odd texts apart that look the same once they are cleaned. */
const hashCharacters = 12
const partCharactersMax = 120

/** Everything managed in a place begins with this. Throws `provider_not_configured` where nothing names a namespace. */
export function managedRootOf(place: Pick<AwsPlace, 'prefix' | 'namespace'>): string {
  return `${place.prefix}/${namespaceOf(place)}/`
}

/** The remote name of a secret: `{prefix}/{namespace}/{companyId}/{key}`. Throws as {@link managedRootOf} does. */
export function remoteNameOf(place: AwsPlace, { companyId, key }: NamedSecret): string {
  const name = `${managedRootOf(place)}${partOf(companyId)}/${partOf(key)}`
  assert(name.length <= nameCharactersMax, 'a remote name is longer than AWS takes')
  return name
}

/** No secret has this name: asking for it tells whether the way there is open. Throws as {@link managedRootOf} does. */
export function healthProbeNameOf(place: AwsPlace): string {
  return `${managedRootOf(place)}health-probe`
}

/** Stands where nothing was said: six tags are always there, so that policies and searches can rely on each. */
const unspecified = 'unspecified'

/** The tags of a managed secret. None of them is secret: whoever may list secrets sees them. */
export function tagsOf(place: AwsPlace, { companyId, key }: NamedSecret): readonly AwsTag[] {
  const { ownerTag, deploymentId, environmentTag } = place
  return [
    tag('managed-by', 'paperclip'),
    tag('provider-owner', ownerTag),
    tag('deployment-id', deploymentId ?? unspecified),
    tag('company-id', companyId),
    tag('secret-key', key),
    tag('environment', environmentTag ?? unspecified)
  ]
}

/** Our keys and ids need none of this; whatever else should come is still one part, and its own. */
function partOf(text: string): string {
  const clean = text.replaceAll(foreignInPart, '-')
  if (clean === text && text !== '' && text.length <= partCharactersMax) return text
  const hash = createHash('sha256').update(text).digest('hex').slice(0, hashCharacters)
  return `${clean.slice(0, partCharactersMax - hashCharacters - 1)}-${hash}`
}

/** What AWS takes in the value of a tag. */
const foreignInTag = /[^\p{L}\p{Z}\p{N}_.:/=+@-]/gu
const tagCharactersMax = 256

function tag(name: string, text: string): AwsTag {
  const clean = text.toWellFormed().replaceAll(foreignInTag, '-')
  // The cut may go through a character of two units.
  const value = clean.slice(0, tagCharactersMax).replace(/[\ud800-\udbff]$/, '')
  return { key: `paperclip:${name}`, value: value === '' ? unspecified : value }
}
