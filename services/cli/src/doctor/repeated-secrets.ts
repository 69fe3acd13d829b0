import { generatedVariables, readInternalKeys } from '@paperclip/instance'
import { present } from '../launcher/launch-settings.js'
import { type DoctorContext, deploymentSecret } from './doctor-context.js'
import { decodeKey } from './key-text.js'
import type { KeyFault } from './master-key-faults.js'

/** Two uses of one secret: who learns it by the weaker one has the other. Different spellings of one key are equal. */
export async function repeatedSecrets(
  context: DoctorContext,
  keys: Record<'masterKey' | 'previousKey' | 'auditKey', string | undefined>
): Promise<KeyFault[]> {
  const named: [name: string, text: string | undefined][] = [
    ['the master key', keys.masterKey],
    ['the previous master key', keys.previousKey],
    ['the audit key', keys.auditKey]
  ]
  for (const name of [
    'PAPERCLIP_AGENT_JWT_SECRET',
    'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS',
    'BETTER_AUTH_SECRET'
  ])
    named.push([name, await deploymentSecret(context, name)])
  const { io, settings } = context
  const list = present(io.env.PAPERCLIP_INTERNAL_KEYS_FILE) ?? settings.paths.internalKeys
  // What is wrong with the list itself is told where it is checked.
  for (const { id, secret } of await readInternalKeys(list).catch(() => []))
    named.push([`the internal key ${id}`, secret])
  for (const [role, name] of Object.entries(generatedVariables))
    if (role.endsWith('Password')) named.push([name, present(context.generated[name])])
  const owners = new Map<string, string>()
  const faults: KeyFault[] = []
  for (const [name, text] of named) {
    if (text === undefined) continue
    const bytes = (decodeKey(text) ?? fromUnpadded(text) ?? Buffer.from(text)).toString('hex')
    const owner = owners.get(bytes)
    if (owner === undefined) owners.set(bytes, name)
    else
      faults.push({
        message: `${owner} and ${name} have the same value`,
        repair: 'give each secret a value of its own'
      })
  }
  return faults
}

/** 256 bits as we make them for services, base64url; a key of the same bytes may be written in another way. */
function fromUnpadded(text: string): Buffer | null {
  return /^[\w-]{43}$/.test(text) ? Buffer.from(text, 'base64url') : null
}
