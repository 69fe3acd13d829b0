import { isIP, isIPv4 } from 'node:net'

/** Whose `X-Forwarded-*` count: nobody's, those of so many hops, or those of these networks. */
export type TrustProxy = false | number | readonly string[]

const hopsMax = 32
const names = new Set(['loopback', 'linklocal', 'uniquelocal'])

/** Reads `TRUST_PROXY`; undefined when it is neither a hop count nor a list. `true` would trust everyone. */
export function parseTrustProxy(text: string): TrustProxy | undefined {
  if (text === '') return false
  if (/^[1-9]\d*$/.test(text)) return Number(text) <= hopsMax ? Number(text) : undefined
  const parts = text.split(',').map((part) => part.trim())
  return parts.every(isNetwork) ? parts : undefined
}

/** Gives the form the chassis takes. */
export function trustProxyOption(
  trust: TrustProxy
): false | string[] | ((address: string, hop: number) => boolean) {
  if (trust === false) return false
  return typeof trust === 'number' ? (_, hop) => hop < trust : [...trust]
}

function isNetwork(text: string): boolean {
  if (names.has(text)) return true
  const [address = '', bits, ...rest] = text.split('/')
  if (isIP(address) === 0 || rest.length > 0) return false
  if (bits === undefined) return true
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128)
}
