const namePattern = /^[a-z_][a-z0-9_]{0,62}$/
const settingPattern = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/

/** Returns a schema or role name that needs no quoting anywhere, or throws `TypeError`. */
export function assertName(name: string): string {
  if (!namePattern.test(name)) {
    throw new TypeError('a schema or role name must be lower-case letters, digits and _, at most 63 of them')
  }
  return name
}

/**
 * Writes server settings as the `options` of the connection's start-up message, so that they hold from
 * the first statement without a round trip. Blanks and backslashes are escaped as PostgreSQL reads them.
 */
export function startupOptions(settings: Readonly<Record<string, string | number>>): string {
  return Object.entries(settings)
    .map(([name, value]) => {
      if (!settingPattern.test(name)) throw new TypeError('a database setting has a malformed name')
      return `-c ${name}=${String(value).replace(/[\\\s]/g, '\\$&')}`
    })
    .join(' ')
}
