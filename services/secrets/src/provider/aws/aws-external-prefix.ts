const companyMark = '{companyId}'

/** What AWS takes in names, and the mark. */
const prefixShape = /^(?:[A-Za-z0-9/_+=.@!-]|\{companyId\}){1,512}$/

/**
 * Reads one entry of `PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES`: whole parts of a name between slashes, with or
 * without a slash before and behind. Null for anything else, such as an entry that would allow every name.
 */
export function parseExternalPrefix(entry: string): string | null {
  if (!prefixShape.test(entry)) return null
  const prefix = withoutOuterSlash(entry).replace(/\/$/, '')
  return isPlainPath(prefix) ? prefix : null
}

/**
 * Says whether a name may be linked by a company. Entries end where a part of the name ends: `team` allows `team/x`
 * and not `team-b/x`. One slash before the name is no difference, as in the entries. A name with empty or dotted
 * parts is not allowed at all: to whoever reads paths it would lie somewhere else than it begins.
 */
export function isAllowedExternalName(
  name: string,
  { prefixes, companyId }: { prefixes: readonly string[] | null; companyId: string }
): boolean {
  if (prefixes === null) return true
  const bare = withoutOuterSlash(name)
  if (!isPlainPath(bare)) return false
  return prefixes.some((prefix) => {
    const own = prefix.replaceAll(companyMark, companyId.toLowerCase())
    return bare === own || bare.startsWith(`${own}/`)
  })
}

function withoutOuterSlash(text: string): string {
  return text.startsWith('/') ? text.slice(1) : text
}

function isPlainPath(text: string): boolean {
  return text.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
