/**
 * PostgreSQL array literals (`{a,b}`) as plain strings, for `unnest($1::uuid[])` and the like.
 *
 * One string parameter per column is measured faster than a JavaScript array, which the driver
 * would walk and convert itself. Members may be null. Each function refuses what it cannot send,
 * without repeating it.
 */

// Any version and variant: ids come from us, this only keeps literal syntax out.
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Writes a `uuid[]` literal. Throws `TypeError` when a member is not a UUID in its 36-character form. */
export function uuidArray(values: readonly (string | null)[]): string {
  return literal(values, (value) => {
    if (!uuidPattern.test(value)) throw new TypeError('a member of a uuid array is not a UUID')
    return value
  })
}

/** Writes a `text[]` literal; also fits casts from text such as `jsonb[]`. Throws `TypeError` on a NUL character. */
export function textArray(values: readonly (string | null)[]): string {
  return literal(values, (value) => {
    if (value.includes('\0')) throw new TypeError('a member of a text array contains a NUL character')
    return `"${value.replace(/[\\"]/g, '\\$&')}"`
  })
}

/** Writes a `bytea[]` literal in the hex format. Members may be empty. */
export function byteaArray(values: readonly (Uint8Array | null)[]): string {
  return literal(values, (value) => {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return `"\\\\x${bytes.toString('hex')}"`
  })
}

/** Writes an `int[]` or `bigint[]` literal. Throws `TypeError` when a member is not a safe integer. */
export function intArray(values: readonly (number | null)[]): string {
  return literal(values, (value) => {
    if (!Number.isSafeInteger(value)) throw new TypeError('a member of an int array is not a safe integer')
    return String(value)
  })
}

function literal<T>(values: readonly (T | null)[], write: (value: T) => string): string {
  return `{${values.map((value) => (value === null ? 'NULL' : write(value))).join(',')}}`
}
