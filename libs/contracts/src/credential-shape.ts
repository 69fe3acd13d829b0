/**
 * Decides by its look alone whether a value holds a known kind of credential, whatever its variable is called.
 *
 * Promises: work that grows with the value's length. Every repetition below has an upper bound and none stands
 * inside another, so each place of a value costs a bounded number of steps; a test holds that.
 */
import { isSensitiveName } from './sensitive-name.js'

/**
 * What providers put before the keys they hand out, in any order. Followed by 16 characters that look
 * drawn: without a break, with a digit, or in both cases. Names that begin alike are mostly short words in lower case.
 */
const keyPrefixes = [
  'gh[pousr]_', 'github_pat_', 'gl(?:pat|rt|dt|cbt|ptt|soat|ft|agent)-', 'npm_', 'hf_', 'gsk_', 'xai-', 'r8_', 'pplx-',
  'nvapi-', 'tvly-', 'lsv2_(?:pt|sk)_', 'pcsk_', 'phx_', 'dop_v1_', 'dckr_pat_', 'pypi-', 'rubygems_', 'hv[bs]\\.',
  'shp(?:at|ca|pa|ss)_', 'sq0(?:atp|csp)-', 'lin_api_', 'ntn_', 'figd_', 'sbp_', 'sntry[su]_', 'ATATT3', 'ATBB',
  'CFPAT-', 'NRAK-', 'PMAK-', 'GOCSPX-', 'ya29\\.', 'AIza', 'xkeysib-', 'whsec_', 'AGE-SECRET-KEY-1',
  'sk-(?:ant|proj|or|svcacct|admin)-', '[rs]k_(?:live|test)_', 'paperclip_(?:agent|board)_'
] // biome-ignore format: a list reads better packed
const before = '(?<![A-Za-z0-9])'
const hasDigit = '(?=[A-Za-z_.-]{0,80}\\d)'
const hasBothCases = '(?=[A-Z_.-]{0,80}[a-z])(?=[a-z_.-]{0,80}[A-Z])'
const drawn = `(?:[A-Za-z0-9]{16}|(?:${hasDigit}|${hasBothCases})[A-Za-z0-9_.-]{16})`

/** Every shape, for the test that holds what the head of this file promises. */
export const credentialShapes: readonly RegExp[] = [
  new RegExp(`${before}(?:${keyPrefixes.join('|')})${drawn}`),
  /-----? ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-?/,
  /PuTTY-User-Key-File-\d/,
  // The first line of a PEM private key, in base64.
  /LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJVkFURS|BFQyBQUklWQVRF|BPUEVOU1NIIFBSSVZBVEUg|BFTkNSWVBURUQgUFJJVkFURS|BEU0EgUFJJVkFURS)/,
  // `sk-` alone begins many names: three kinds of characters, or letters and digits without a break.
  /\bsk-(?=[A-Za-z]{0,80}\d)(?=\d{0,80}[A-Za-z])[A-Za-z0-9]{16}/,
  /\bsk-(?=[a-z0-9_-]{0,80}[A-Z])(?=[A-Z0-9_-]{0,80}[a-z])(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{20}/,
  /\bxox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10}/,
  /\bxapp-\d-[A-Za-z0-9-]{10}/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16}/,
  // Bots of Telegram and of Discord.
  /\b\d{8,10}:AA[A-Za-z0-9_-]{33}/,
  /\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}/,
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8}/,
  // Whoever has one of these addresses may post.
  /hooks\.slack\.com\/(?:services|workflows|triggers)\/[A-Z0-9]{6}/,
  /discord(?:app)?\.com\/api\/webhooks\/\d{6,24}\/[A-Za-z0-9_-]{20}/,
  /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,40}:\/\/[^\s/:@]{0,256}:[^\s/@]{1,1024}@/i,
  /(?:^|authorization["']?[:=] {0,4}["']?)(?:Bearer|Basic|Token)\s{1,4}(?=[A-Za-z+/._~-]{0,80}[\d=])[A-Za-z0-9+/=._~-]{16}/i,
  /^\$(?:2[abxy]|argon2(?:id|i|d)|5|6|y|scrypt|apr1)\$[^\s$]{2}/
]

/** `"name": "value"` of JSON, and `name=value` of connection strings, flags, queries and lines of `.env` files. */
export const memberShapes: readonly RegExp[] = [
  /"([A-Za-z_][A-Za-z0-9_.-]{1,63})"\s{0,8}:\s{0,8}"(?![$<{])[^"\s]{8}/g,
  // A path, and what is filled in later, is no value.
  /(?<![A-Za-z0-9_.-])-{0,2}([A-Za-z_][A-Za-z0-9_.-]{1,63})=["']?(?![$<{/~.])[^\s;&,"']{8}/g
]
/** Names of members that are ambiguous as names of variables. */
const memberNames = new Set(['PWD', 'SIG', 'SHAREDACCESSSIGNATURE', 'X-AMZ-SIGNATURE'])

/** Says whether a value has the shape of a known credential, whatever its variable is called. */
export function looksLikeCredential(value: string): boolean {
  return (
    credentialShapes.some((shape) => shape.test(value)) || memberShapes.some((shape) => names(value, shape))
  )
}

function names(value: string, shape: RegExp): boolean {
  for (const [, name = ''] of value.matchAll(shape))
    if (memberNames.has(name.toUpperCase()) || isSensitiveName(name)) return true
  return false
}
