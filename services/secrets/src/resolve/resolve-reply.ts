import type { ResolveRow } from './resolve-store.js'

/** One variable with its value in hand. It lives no longer than the request. */
export interface RevealedVariable {
  readonly name: string
  readonly target: 'agent' | 'project'
  readonly value: string
  /** The binding it came through; null for a plain value. */
  readonly secret: ResolveRow | null
}

/**
 * Writes the reply as JSON text: an object serialised through a schema costs a tenth of the whole request.
 * A project's variable wins over an agent's of the same name.
 */
export function formatReply(variables: readonly RevealedVariable[]): string {
  const winners = new Map<string, RevealedVariable>()
  for (const variable of variables) {
    const former = winners.get(variable.name)
    if (former === undefined || variable.target === 'project') winners.set(variable.name, variable)
  }
  let env = ''
  let manifest = ''
  for (const { name, value, secret } of winners.values()) {
    env += `${env === '' ? '' : ','}"${name}":${JSON.stringify(value)}`
    if (secret !== null) manifest += `${manifest === '' ? '' : ','}${manifestEntry(name, secret)}`
  }
  return `{"env":{${env}},"manifest":[${manifest}]}`
}

/** Names, keys and providers hold no character that JSON would escape; ids are UUIDs. */
function manifestEntry(name: string, row: ResolveRow): string {
  return `{"configPath":"env.${name}","envKey":"${name}","secretId":"${row.place_id}","secretKey":"${row.key}","version":${row.version},"provider":"${row.provider}","outcome":"success"}`
}
