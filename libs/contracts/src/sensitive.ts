/**
 * Decides what must not lie about in the open: a variable whose name says so, or a value that looks like a
 * known credential whatever its name. The one matcher of storage, redaction, strict mode, migration and export.
 */
import { looksLikeCredential } from './credential-shape.js'
import { isSensitiveName } from './sensitive-name.js'

/** What turns something on or off is no secret, whatever it is called: masking it would spoil all output. */
const switchWord = /^\s{0,8}(?:true|false|yes|no|on|off)\s{0,8}$/i

/** Says whether a plain variable must be sealed at rest, redacted in replies, and refused in strict mode. */
export function isSensitive(name: string, value: string): boolean {
  return (isSensitiveName(name) && !switchWord.test(value)) || looksLikeCredential(value)
}
