/**
 * Decides by its look alone whether a value holds a known kind of credential, whatever its variable is called.
 *
 * Promises: work that grows with the value's length, however it is written (see {@link readingsOf}). Every repetition
 * below has an upper bound and none stands inside another, so each place of a value costs a bounded number of steps; a
 * test holds that.
 */
import { hasSecretMember } from './credential-member.js'
import { readingsOf } from './credential-reading.js'

/** What providers put before keys of letters and digits alone. The names of models and rules begin so too. */
const plainPrefixes = [
  'npm_', 'pypi-', 'hf_', 'gsk_', 'xai-', 'r8_', 'pplx-', 'tvly-(?:dev-|prod-)?', 'lsv2_(?:pt|sk)_', 'phx_', 'do[opr]_v1_',
  'rubygems_', 'shp(?:at|ca|pa|ss)_', 'lin_api_', 'ntn_', 'sbp_', 'sntryu_', 'NRAK-', 'PMAK-',
  '[rs]k_(?:live|test)_', 'jina_', 'shippo_(?:live|test)_', 'bkua_', 'fm[12]_', 'sgp_', 'bb_live_', 'apify_api_', 'GR1348941'
] // biome-ignore format: a list reads better packed
/**
 * What they put before others, in any order. Followed by 16 characters that look drawn: without a break, with a digit,
 * or in both cases. Names that begin alike are mostly short words in lower case.
 */
const keyPrefixes = [
  'gh[pousr]_', 'github_pat_', 'gl(?:pat|rt|dt|cbt|ptt|soat|oas|ft|imt|ffct|agent)-', 'nvapi-', 'pcsk_',
  'dckr_[po]at_', 'pypi-Ag', 'hv[bs]\\.', 'sq0(?:atp|csp)-', 'figd_', 'sntrys_', 'ATATT3', 'ATBB', 'ATCTT3', 'CFPAT-',
  'GOCSPX-', 'ya29\\.', 'AIza', 'xkeysib-', 'whsec_', 'AGE-SECRET-KEY-1', 'sk-(?:ant|proj|or|svcacct|admin|lf)-',
  'paperclip_(?:agent|board)_', 'glc_', 'glsa_', 'sb_secret_', 'tgp_v1_', 'pscale_(?:tkn|pw|oauth)_', 'HRKU-',
  'dp\\.(?:pt|st|ct|sa|scim|audit)\\.', 'ops_eyJ', 'pylf_v1_', 'wandb_v1_', 'AKCp'
] // biome-ignore format: a list reads better packed
const before = '(?<![A-Za-z0-9])'
const hasDigit = '(?=[A-Za-z_.-]{0,80}\\d)'
const hasBothCases = '(?=[A-Z_.-]{0,80}[a-z])(?=[a-z_.-]{0,80}[A-Z])'
const drawn = `(?:[A-Za-z0-9]{16}|(?:${hasDigit}|${hasBothCases})[A-Za-z0-9_.-]{16})`
const drawnPlain = '(?=[a-z]{0,80}[A-Z0-9])[A-Za-z0-9]{16}'

/** Every shape, for the test that holds what the head of this file promises. */
export const credentialShapes: readonly RegExp[] = [
  new RegExp(`${before}(?:${keyPrefixes.join('|')})${drawn}`),
  new RegExp(`${before}(?:${plainPrefixes.join('|')})${drawnPlain}`),
  /-----? ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-?/i,
  /PuTTY-User-Key-File-\d/,
  // `sk-` alone begins many names: three kinds of characters, or letters and digits without a break.
  /\bsk-(?=[A-Za-z]{0,80}\d)(?=\d{0,80}[A-Za-z])[A-Za-z0-9]{16}/,
  /\bsk-(?=[a-z0-9_-]{0,80}[A-Z])(?=[A-Z0-9_-]{0,80}[a-z])(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{20}/,
  /\bxox[abdeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10}/,
  /\bxapp-\d-[A-Za-z0-9-]{10}/,
  /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/,
  // Of a form, or a length, of their own; so short a beginning alone would say nothing.
  /(?<![A-Za-z0-9])(?:dapi[0-9a-f]{32}|key-[0-9a-f]{32}|fc-[0-9a-f]{32}|e2b_[0-9a-f]{40}|secret_[A-Za-z0-9]{43})(?![A-Za-z0-9])/,
  /(?<![A-Za-z0-9])(?:[0-9a-f]{32}-us\d{1,2}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60})(?![A-Za-z0-9])/,
  /(?<![A-Za-z0-9])(?:fw_[A-Za-z0-9]{20,32}|rnd_[A-Za-z0-9]{24,40}|pul-[0-9a-f]{40}|nfp_[A-Za-z0-9]{36}|napi_[a-z0-9]{40,80})(?![A-Za-z0-9])/,
  /(?<![A-Za-z0-9])(?:vc[aikpr]_[A-Za-z0-9]{24,60}|sk_[0-9a-f]{48}|oy2[a-z0-9]{43}|cio[A-Za-z0-9]{32})(?![A-Za-z0-9])/,
  // Of applications at Azure, and what refreshes a token of Google.
  /(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31}/,
  /(?<![A-Za-z0-9/:])1\/\/0[A-Za-z0-9_-]{24}/,
  /(?<![A-Za-z0-9])(?:EZ[AT]K[A-Za-z0-9]{54}|re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20})/,
  /\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16}/,
  // Bots of Telegram and of Discord.
  /(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{33}/,
  /\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}/,
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8}/,
  // Encrypted to somebody, and of Mapbox.
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{0,2000}\.[A-Za-z0-9_-]{16}/,
  /(?<![A-Za-z0-9_-])sk\.eyJ[A-Za-z0-9_-]{16}/,
  // Whoever has one of these addresses may post.
  /hooks\.slack\.com\/(?:services|workflows|triggers)\/[A-Z0-9]{6}/,
  /discord(?:app)?\.com\/api\/webhooks\/\d{6,24}\/[A-Za-z0-9_-]{20}/,
  /webhook\.office\.com\/webhookb2\/[0-9a-f-]{20}/,
  /hooks\.zapier\.com\/hooks\/catch\/\d{3,12}\/[a-z0-9]{5}/,
  // A password in an address; what is filled in later is none, nor is a port before a path, nor a digest.
  /(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,40}:\/\/[^\s/:@[]{0,256}:(?!\d{1,5}[/?#])(?!\$[({A-Z_]|[<{*])(?:[^\s/@]{1,1024}|[^\s@]{1,128})@(?!sha(?:256|512):)/,
  /(?<![a-z0-9+.-])jdbc:oracle:[a-z]{1,8}:[^\s/@:]{1,64}\/[^\s/@]{1,64}@/i,
  // A token in the place of the user.
  /:\/\/(?=[a-z]{0,80}\d)(?=[A-Z0-9]{0,80}[a-z])[A-Za-z0-9]{20,256}@/,
  /(?:^|authorization["']?[:=] {0,4}["']?)(?:Bearer|Basic|Token|ApiKey|Api-Key|SharedKey)\s{1,4}(?:(?=[A-Za-z+/._~-]{0,80}[\d=])[A-Za-z0-9+/=._~-]{16}|[A-Za-z0-9]{30})/im,
  // `user:password` in base64, as registries have it.
  /(?:^|["'\s:])_?auth["']?\s{0,4}[:=]\s{0,4}["']?(?=[A-Za-z+/]{0,80}[\d=])[A-Za-z0-9+/=]{16}/i,
  /\bcurl\b[^\n]{0,200}\s(?:-u|--user)[\s=]{1,2}["']?[^\s:$"']{1,64}:(?![$<{*])[^\s"']{6}/,
  /\bmachine\s{1,4}[^\s]{1,200}\s{1,4}login\s{1,4}[^\s]{1,100}\s{1,4}password\s{1,4}[^\s$<{*]{6}/i,
  /(?:^|:)\$(?:2[abxy]|argon2(?:id|i|d)|5|6|y|scrypt|apr1)\$[^\s$]{2}/
]

/** Says whether a value has the shape of a known credential, whatever its variable is called. */
export function looksLikeCredential(value: string): boolean {
  return readingsOf(value).some(
    (text) => credentialShapes.some((shape) => shape.test(text)) || hasSecretMember(text)
  )
}
