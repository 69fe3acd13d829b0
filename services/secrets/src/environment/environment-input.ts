import {
  type Environment,
  type EnvironmentEntry,
  type EnvironmentFault,
  environmentPointer,
  isSensitive,
  type ProblemEntry,
  plainValueFault,
  redactionPlaceholder,
  variableNameFault
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
    const fault = variableNameFault(name) ?? takeEntry(parsed, name, entry, strictMode)
    if (fault !== undefined) parsed.faults.push({ pointer: environmentPointer(name), ...fault })
    parsed.names.push(name)
  }
  return parsed
}

function takeEntry(
  parsed: ParsedEnvironment,
  name: string,
  entry: EnvironmentEntry,
  strictMode: boolean
): EnvironmentFault | undefined {
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
  const fault = plainValueFault(text)
  if (fault !== undefined) return fault
  if (strictMode && text.trim() !== '' && isSensitive(name, text))
    return {
      code: 'strict_mode',
      message: 'looks like a secret: create a secret and use "$secret:<key>" (strict mode is on)'
    }
  parsed.plain.set(name, text)
  return undefined
}

function takeReferenceText(
  parsed: ParsedEnvironment,
  name: string,
  text: string
): EnvironmentFault | undefined {
  const match = referenceText.exec(text)
  if (match?.[1] === undefined)
    return { code: 'reference_invalid', message: 'write "$secret:<key>" or "$secret:<key>@<version>"' }
  const version = match[2] === undefined ? null : Number(match[2])
  parsed.references.push({ name, by: { key: match[1].toLowerCase() }, version })
  return undefined
}
