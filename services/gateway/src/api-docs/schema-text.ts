import { Uuid } from '@paperclip/contracts'

/** The parts of JSON Schema that contracts are made of. */
export interface ReadableSchema {
  type?: string
  description?: string
  const?: unknown
  enum?: readonly unknown[]
  anyOf?: readonly ReadableSchema[]
  items?: ReadableSchema
  properties?: Readonly<Record<string, ReadableSchema>>
  patternProperties?: Readonly<Record<string, ReadableSchema>>
  required?: readonly string[]
  format?: string
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
  maxProperties?: number
}

const indent = '  '
const uuidPattern = (Uuid as ReadableSchema).pattern

/** Writes a schema the way one would write its type: members by line, limits behind them, `?` for what may be absent. */
export function schemaText(schema: ReadableSchema, margin = ''): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.anyOf !== undefined) return schema.anyOf.map((branch) => schemaText(branch, margin)).join(' | ')
  switch (schema.type) {
    case 'object':
      return objectText(schema, margin)
    case 'array':
      return `[${schemaText(schema.items ?? {}, margin)}]${range(schema.minItems, schema.maxItems, 'items')}`
    case 'string':
      return stringText(schema)
    case 'integer':
    case 'number':
      return `${schema.type}${range(schema.minimum, schema.maximum)}`
    default:
      return schema.type ?? 'anything'
  }
}

function objectText(schema: ReadableSchema, margin: string): string {
  const inner = margin + indent
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => {
    const mark = schema.required?.includes(name) ? '' : '?'
    return `${inner}${name}${mark}: ${schemaText(member, inner)}${note(member)}`
  })
  const names = Object.values(schema.patternProperties ?? {}).map(
    (member) =>
      `${inner}<name>: ${schemaText(member, inner)}${range(undefined, schema.maxProperties, 'names')}`
  )
  const lines = [...members, ...names]
  return lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${margin}}`
}

function stringText({ pattern, format, minLength, maxLength }: ReadableSchema): string {
  if (pattern === uuidPattern) return 'uuid'
  return `${format ?? 'string'}${range(minLength, maxLength, 'characters')}`
}

function range(least: number | undefined, most: number | undefined, what = ''): string {
  if (least === undefined && most === undefined) return ''
  const bounds = most === undefined ? `≥ ${least}` : least === undefined ? `≤ ${most}` : `${least} to ${most}`
  return ` (${bounds}${what === '' ? '' : ` ${what}`})`
}

function note({ description }: ReadableSchema): string {
  return description === undefined ? '' : `  — ${description}`
}
