import pg from 'pg'

const int8Oid = 20
const dateOid = 1082

/**
 * Decodes columns for this product's pools only; the driver's process-wide defaults stay untouched.
 * Counts and sizes fit a number, and one that does not must fail instead of being rounded. A `date` has
 * no time zone, so it stays text. Arrays of int8 stay arrays of text.
 */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === int8Oid) return parseInt8
    if (oid === dateOid) return (text: string) => text
    return pg.types.getTypeParser(oid, format)
  }
}

function parseInt8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError('an int8 column holds more than a number can')
  return value
}
