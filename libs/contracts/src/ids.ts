import { Type } from 'typebox'

const uuidPattern = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
const uuidExpression = new RegExp(uuidPattern, 'i')

/** An id on the wire: the 36-character text form of a UUID, either case. */
export const Uuid = Type.String({ pattern: uuidPattern.replaceAll('a-f', 'a-fA-F'), maxLength: 36 })

/** Says whether text is the 36-character form of a UUID. */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && uuidExpression.test(text)
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Formats 16 bytes as the text form of a UUID. */
export function formatUuid(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < 16; index++) {
    text += hex[bytes[index] as number]
    if (index === 3 || index === 5 || index === 7 || index === 9) text += '-'
  }
  return text
}

const poolBytes = 4096
const pool = new Uint8Array(poolBytes)
let poolOffset = poolBytes

/**
 * Makes a UUID version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then random bits, so that
 * ids sort by time of making to the millisecond. Random bytes are drawn in pools; none is used twice.
 */
export function newId(nowMs: number = Date.now()): string {
  if (poolOffset + 16 > poolBytes) {
    globalThis.crypto.getRandomValues(pool)
    poolOffset = 0
  }
  const bytes = pool.slice(poolOffset, poolOffset + 16)
  poolOffset += 16
  return formatUuid(stampVersion7(bytes, nowMs))
}

/** Writes time, version and variant of UUID version 7 over 16 bytes, in place, and returns them. */
export function stampVersion7(bytes: Uint8Array, nowMs: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  view.setUint16(0, Math.floor(nowMs / 2 ** 32))
  view.setUint32(2, nowMs % 2 ** 32)
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70)
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80)
  return bytes
}

/** How many events one resolve may write: its id keeps this many low values free for their ordinals. */
export const resolveOrdinalsMax = 4096

/** The id of a resolve on the wire, see {@link newResolveId}: lower case, since its events' ids are compared as text. */
export const ResolveId = Type.String({ pattern: uuidPattern.replace('{12}$', '{9}000$'), maxLength: 36 })

/** Makes the id of a resolve: a UUID version 7 whose last 12 bits are zero, so that `id + ordinal` names an event. */
export function newResolveId(nowMs?: number): string {
  return `${newId(nowMs).slice(0, 33)}000`
}

/** Makes a resolve id out of signed material, so that a replayed request carries the same id. */
export function resolveIdOf(nonce: Uint8Array, createdMs: number): string {
  return `${formatUuid(stampVersion7(nonce.slice(0, 16), createdMs)).slice(0, 33)}000`
}

/** Names one event of a resolve. `ordinal` is 0..4095. */
export function eventId(resolveId: string, ordinal: number): string {
  return resolveId.slice(0, 33) + ordinal.toString(16).padStart(3, '0')
}

/** Splits an event's id into the resolve it belongs to and its ordinal there. */
export function parseEventId(id: string): { resolveId: string; ordinal: number } {
  return { resolveId: `${id.slice(0, 33)}000`, ordinal: Number.parseInt(id.slice(33), 16) }
}
