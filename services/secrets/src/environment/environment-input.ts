import {
  type Environment,
  type EnvironmentEntry,
  environmentNameExpression,
  isSensitive,
  limits,
  looksLikeCredential,
  type ProblemEntry,
  redactionPlaceholder
} from '@paperclip/contracts'

/** A reference as it was written: by id, or by key; `version` null follows the latest. */
export interface WantedReference {
  readonly name: string
  readonly by: { readonly id: string } | { readonly key: string }
  readonly version: number | null
}

/** An environment taken apart, with every fault that can be found without the database. */
export interface ParsedEnvironment {
  readonly names: string[]
  readonly plain: Map<string, string>
  /** Names whose stored value is to be kept, since the placeholder came back. */
  readonly kept: string[]
  readonly references: WantedReference[]
  readonly faults: ProblemEntry[]
}

const referenceText = /^\$secret:([A-Za-z0-9_.-]{1,120})(?:@([1-9]\d{0,8}))?$/

/** Takes an environment apart. Faults name a path and a code; a value is never repeated. */
export function parseEnvironment(
  env: Environment,
  { strictMode }: { strictMode: boolean }
): ParsedEnvironment {
  const parsed: ParsedEnvironment = { names: [], plain: new Map(), kept: [], references: [], faults: [] }
  for (const [name, entry] of Object.entries(env)) {
    const fault = nameFault(name) ?? takeEntry(parsed, name, entry, strictMode)
    if (fault !== undefined) parsed.faults.push({ pointer: pathOf(name), ...fault })
    parsed.names.push(name)
  }
  return parsed
}

/** The fault of plain values that are too large together, those kept by their placeholder included. */
export function sizeFault(values: ReadonlyMap<string, string>): ProblemEntry | undefined {
  let bytes = 0
  for (const value of values.values()) bytes += Buffer.byteLength(value)
  if (bytes <= limits.plainValuesBytesMax) return undefined
  const message = `plain values may have ${limits.plainValuesBytesMax} bytes together`
  return { pointer: '/env', code: 'plain_values_too_large', message }
}

/** Where an entry stands in the body, as a JSON pointer (RFC 6901). A value in the place of a name is not repeated. */
export function pathOf(name: string): string {
  if (looksLikeCredential(name)) return '/env/…'
  const step = name.length > 80 ? `${name.slice(0, 80)}…` : name
  return `/env/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

type Fault = Omit<ProblemEntry, 'pointer'>

function nameFault(name: string): Fault | undefined {
  if (looksLikeCredential(name))
    return { code: 'name_invalid', message: 'the name looks like a value: names are shown to every member' }
  if (!environmentNameExpression.test(name))
    return {
      code: 'name_invalid',
      message: 'the name must be letters, digits and _, and not begin with a digit'
    }
  if (name.toUpperCase().startsWith('PAPERCLIP_'))
    return { code: 'name_reserved', message: 'names that begin with PAPERCLIP_ belong to the product' }
  return undefined
}

function takeEntry(
  parsed: ParsedEnvironment,
  name: string,
  entry: EnvironmentEntry,
  strictMode: boolean
): Fault | undefined {
  if (typeof entry === 'object' && entry.type === 'secret_ref') {
    const version = entry.version === undefined || entry.version === 'latest' ? null : entry.version
    parsed.references.push({ name, by: { id: entry.secretId.toLowerCase() }, version })
    return undefined
  }
  const text = typeof entry === 'string' ? entry : entry.value
  if (typeof entry === 'string' && text.startsWith('$secret:')) return takeReferenceText(parsed, name, text)
  if (text === redactionPlaceholder) {
    parsed.kept.push(name)
    return undefined
  }
  if (text.includes('\0')) return { code: 'value_invalid', message: 'a value cannot hold a NUL character' }
  if (Buffer.byteLength(text) > limits.plainValueBytesMax)
    return { code: 'value_too_large', message: `a plain value may have ${limits.plainValueBytesMax} bytes` }
  if (strictMode && text.trim() !== '' && isSensitive(name, text))
    return {
      code: 'strict_mode',
      message: 'looks like a secret: create a secret and use "$secret:<key>" (strict mode is on)'
    }
  parsed.plain.set(name, text)
  return undefined
}

function takeReferenceText(parsed: ParsedEnvironment, name: string, text: string): Fault | undefined {
  const match = referenceText.exec(text)
  if (match?.[1] === undefined)
    return { code: 'reference_invalid', message: 'write "$secret:<key>" or "$secret:<key>@<version>"' }
  const version = match[2] === undefined ? null : Number(match[2])
  parsed.references.push({ name, by: { key: match[1].toLowerCase() }, version })
  return undefined
}
