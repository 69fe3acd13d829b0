import { nameCharactersMax, versionLabelCharactersMax } from './aws-limits.js'
import { type AwsRegion, findRegion } from './aws-partition.js'

/** A reference as AWS itself would read it. */
export interface AwsReferenceName {
  /** Null for a name, which is looked for in whichever region is asked. */
  readonly arn: { readonly region: AwsRegion; readonly accountId: string } | null
  /** Of an ARN all that follows `secret:`, so possibly with the suffix that AWS gave. */
  readonly name: string
}

/** AWS adds a hyphen and six of these to the name in an ARN. */
const suffix = /-[A-Za-z0-9]{6}$/

const suffixCharacters = 7

const nameShape = new RegExp(`^[A-Za-z0-9/_+=.@!-]{1,${nameCharactersMax}}$`)
const arnShape = new RegExp(
  `^arn:(aws|aws-cn|aws-us-gov):secretsmanager:([a-z0-9-]{1,32}):([0-9]{12}):secret:([A-Za-z0-9/_+=.@!-]{1,${nameCharactersMax + suffixCharacters}})$`
)

/** Reads a name or an ARN, whole or without its suffix, exactly as AWS takes it. Null for anything else. */
export function parseAwsReference(text: string): AwsReferenceName | null {
  if (nameShape.test(text)) return { arn: null, name: text }
  const [, partition, regionName = '', accountId = '', name = ''] = arnShape.exec(text) ?? []
  const region = findRegion(regionName)
  if (region === undefined || region.partition !== partition) return null
  return { arn: { region, accountId }, name }
}

/** Says whether a reference may lead to a place: a name does, an ARN only if it is of that region. */
export function leadsTo({ arn }: AwsReferenceName, { partition, region }: AwsRegion): boolean {
  return arn === null || (arn.region.partition === partition && arn.region.region === region)
}

/**
 * The shortest name that a reference may mean. An ARN that ends like one with a suffix may still be one without, for
 * a secret whose name ends so: whatever names under a root, or a prefix, is asked of the shorter one holds for both.
 */
export function shortestNameOf({ arn, name }: AwsReferenceName): string {
  return arn === null ? name : name.replace(suffix, '')
}

/** Says whether a full name is that of a secret of this name: its ARN, with its suffix, in that region. */
export function isArnOfName(text: string, { name, region }: { name: string; region: AwsRegion }): boolean {
  const reference = parseAwsReference(text)
  if (reference === null || reference.arn === null || !leadsTo(reference, region)) return false
  return suffix.test(reference.name) && reference.name.slice(0, -suffixCharacters) === name
}

/**
 * The ways in which one remote secret may have been linked: its ARN, that without the suffix, and its name. Of a name
 * there is just the name.
 */
export function spellingsOf(externalRef: string): readonly string[] {
  const reference = parseAwsReference(externalRef)
  if (reference === null || reference.arn === null) return [externalRef]
  const name = shortestNameOf(reference)
  const bareArn = externalRef.slice(0, externalRef.length - reference.name.length) + name
  return [...new Set([externalRef, bareArn, name])]
}

/** A text is decoded until nothing is left to decode, or this often: the text is refused in any case. */
const decodingsMax = 4
const looseArn = /^arn:([^:]*):([^:]*):([^:]*):[^:]*:([^:]*):(.*)$/s
const looseName = /^[a-z0-9/_+=.@!-]+$/

/**
 * Reads a text as somebody might mean it who writes it differently from AWS: the name in it decoded, in lower case and
 * without leading slashes, as names are that are guarded. Null for what can be no name of the region, such as an ARN of
 * another service, partition or region.
 */
export function readLoosely(text: string, { partition, region }: AwsRegion): string | null {
  const plain = withSingleSlashes(decoded(text).toLowerCase())
  const match = looseArn.exec(plain)
  if (match === null) return looseName.test(plain) ? plain : null
  const [, arnPartition, service, arnRegion, kind, rest = ''] = match
  const isHere = arnPartition === partition && service === 'secretsmanager' && arnRegion === region
  const name = withSingleSlashes(rest)
  return isHere && kind === 'secret' && looseName.test(name) ? name : null
}

function decoded(text: string): string {
  let plain = text
  for (let round = 0; round < decodingsMax && plain.includes('%'); round++)
    plain = plain.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16))
    )
  return plain.trim()
}

/** AWS keeps names with several slashes apart; we do not, so that no spelling comes close to what is managed. */
function withSingleSlashes(text: string): string {
  return text.replaceAll(/[/\\]+/g, '/').replace(/^\//, '')
}

/**
 * The id of a version, which never comes to mean another one, as a label does: a UUID mostly, but whoever makes one may
 * give it any 32 to 64 characters (`ClientRequestToken`). A label of that length is taken for an id.
 */
const versionIdShape = /^[A-Za-z0-9-]{32,64}$/
const controlCharacter = /\p{Cc}/u

/** Says whether a pinned version is one by its id. */
export function isVersionId(providerVersionRef: string): boolean {
  return versionIdShape.test(providerVersionRef)
}

/** Says whether text can be the id or the label of a version. */
export function isVersionRef(providerVersionRef: string): boolean {
  const { length } = providerVersionRef
  return length > 0 && length <= versionLabelCharactersMax && !controlCharacter.test(providerVersionRef)
}
