import { isIP, isIPv4 } from 'node:net'
import { providerIds } from '@paperclip/contracts'

/** Says what a text must be, as a sentence goes on after the name of a setting; null when it is that. */
export type SettingRule = (text: string) => string | null

const portMax = 65_535
const hopsMax = 32
/** HMAC-SHA256 keys shorter than their output are weaker than it (RFC 7518 section 3.2). */
const secretBytesMin = 32
/** 32 random bytes in any usual spelling have more. */
const distinctCharsMin = 8

const rule =
  (isRight: (text: string) => boolean, sentence: string): SettingRule =>
  (text) =>
    isRight(text) ? null : sentence

export const isPort = rule(
  (text) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= portMax,
  `must be a port number from 1 to ${portMax}`
)

export const isHost = rule(
  (text) => /^[A-Za-z0-9.:[\]-]{1,255}$/.test(text),
  'must be an address or a host name'
)

export const isHostList = rule(
  (text) => listOf(text).every((name) => /^[A-Za-z0-9.-]+$/.test(name)),
  'must be host names without port, separated by commas'
)

export const isOriginText = rule(isOrigin, 'must be like https://host, without a path')

export const isOriginList = rule(
  (text) => listOf(text).every(isOrigin),
  'must be origins like https://host:port, separated by commas'
)

/** As the gateway reads it; `true` would trust whatever a caller says of itself. */
export const isProxyTrust = rule(
  (text) =>
    (/^[1-9]\d?$/.test(text) && Number(text) <= hopsMax) ||
    text.split(',').every((part) => isNetwork(part.trim())),
  `must be a number of hops (1 to ${hopsMax}) or a list of addresses and networks like 10.0.0.0/8`
)

export const isPostgresUrl = rule(
  (text) => ['postgres:', 'postgresql:'].includes(protocolOf(text)),
  'must look like postgres://user:password@host:5432/name'
)

export const isRedisUrl = rule(
  (text) => ['redis:', 'rediss:'].includes(protocolOf(text)),
  'must be like redis://host:port or rediss://host:port'
)

export const isStrongSecret = rule(
  (text) => Buffer.byteLength(text) >= secretBytesMin && new Set(text).size >= distinctCharsMin,
  `must be ${secretBytesMin} random bytes or more: make one with "openssl rand -base64 32"`
)

export const isRegion = rule(
  (text) => /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(text),
  'must be a region like eu-west-1'
)

export const isShortText = rule(
  (text) => /^[\w+=.@/:-]{1,256}$/.test(text),
  'has a character that it may not have'
)

/** One of some words. */
export function isOneOf(...words: readonly string[]): SettingRule {
  return rule((text) => words.includes(text), `must be one of ${words.join(', ')}`)
}

export const isProvider = isOneOf(...providerIds)

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, pathname, search, hash } = new URL(text)
  const isBare = username === '' && pathname === '/' && search === '' && hash === ''
  return isBare && (protocol === 'http:' || protocol === 'https:')
}

function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : ''
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Networks that have a name. */
const networkNames = ['loopback', 'linklocal', 'uniquelocal']

function isNetwork(text: string): boolean {
  if (networkNames.includes(text)) return true
  const [address = '', bits, ...rest] = text.split('/')
  if (isIP(address) === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128))
}
