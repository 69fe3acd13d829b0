/**
 * Finds a secret that stands under its name inside a value: a member of JSON, a line of a `.env` or YAML file, a part of
 * a connection string, a flag, a header. The name is judged as that of a variable is.
 *
 * Promises: as the shapes of `credential-shape.ts`, a bounded number of steps for each place of a value.
 */
import { isSensitiveName } from './sensitive-name.js'

const name = '([A-Za-z_][A-Za-z0-9_.-]{1,63})'
const unquoted = `[^\\s;&,"'<>]{6,200}`

/** Where a name says so much by itself that whatever stands under it counts. Groups: the name, the value. */
const plainForms: readonly RegExp[] = [
  new RegExp(`(?<![A-Za-z0-9_.-])${name}["']?\\s{0,8}(?::|=>)\\s{0,8}["']([^"'\\n]{6,200})`, 'g'),
  new RegExp(`(?<![A-Za-z0-9_.-])-{0,2}${name}=["']?(${unquoted})`, 'g'),
  new RegExp(`(?<![A-Za-z0-9_.-])${name}=["']([^"'\\n]{6,200})["']`, 'g'),
  new RegExp(
    `^[ \\t]{0,40}(?:export[ \\t]{1,4}|\\$env:)?${name}[ \\t]{0,8}=[ \\t]{1,8}["']?([^\\s"']{6,200})`,
    'gm'
  ),
  new RegExp(`(?:key|name)=["']${name}["']\\s{1,8}value=["']([^"'\\n]{6,200})`, 'gi'),
  new RegExp(`define\\(\\s{0,4}["']${name}["']\\s{0,4},\\s{0,4}["']([^"'\\n]{6,200})`, 'g')
]

/** Where words stand as often as secrets: what has no digit does not count. */
const wordyForms: readonly RegExp[] = [
  new RegExp(
    `^[ \\t]{0,40}(?:- )?${name}:[ \\t]{1,8}["']?([^\\s"'#]{6,200})["']?[ \\t]{0,8}(?:;|\\r?$)`,
    'gm'
  ),
  new RegExp(`<${name}>([^<>\\s]{6,200})<`, 'g'),
  new RegExp(`(?<![A-Za-z0-9_.-])--${name}[ \\t]{1,4}["']?([^\\s"']{6,200})`, 'g'),
  // A header in quotes, as a command line has it, and arguments as a list.
  new RegExp(`["']${name}:[ \\t]{1,4}([^\\s"'#]{6,200})["']`, 'g'),
  new RegExp(`["']--${name}["']\\s{0,4},\\s{0,4}["']([^"'\\n]{6,200})`, 'g')
]

/** Every form, for the test that holds what the head of this file promises. */
export const memberForms: readonly RegExp[] = [...plainForms, ...wordyForms]

/** Names of members that are ambiguous as names of variables. */
const memberNames = new Set(['PWD', 'SIG', 'SHAREDACCESSSIGNATURE', 'X-AMZ-SIGNATURE', 'X-HONEYCOMB-TEAM'])
/** Before a colon these mostly say which one, as in `secret: database-2`. */
const namesOfPlaces = new Set(['SECRET', 'SECRETS', 'CREDENTIAL', 'CREDENTIALS'])

/** What is filled in later, what says where the secret is, and what shows that there is one. */
const noValue =
  /^(?:[<{]|~|\.{0,2}\/|\.{3}|\*{3}|[xX]{4}|(?:your|insert|enter|replace|placeholder|redacted|required|optional|string|undefined|null|none|true|false|hidden|masked)(?![a-z0-9])|(?:secret|env|vault|op|file|arn|ssm|sops|keychain|keyring):)/i

/** What a shell or a template fills in: `$ecret` may well be a password. */
const filledInLater = /^\$[({A-Z_]/

/** Says whether a text holds a name that announces a secret, and something under it. */
export function hasSecretMember(text: string): boolean {
  return (
    plainForms.some((form) => holds(text, form, () => true)) ||
    wordyForms.some((form) => holds(text, form, isDrawn))
  )
}

function holds(text: string, form: RegExp, counts: (name: string, value: string) => boolean): boolean {
  for (const [, name = '', value = ''] of text.matchAll(form))
    if (isSecretName(name) && !filledInLater.test(value) && !noValue.test(value) && counts(name, value))
      return true
  return false
}

function isSecretName(name: string): boolean {
  return memberNames.has(name.toUpperCase()) || isSensitiveName(name)
}

function isDrawn(name: string, value: string): boolean {
  return /\d/.test(value) && !namesOfPlaces.has(name.toUpperCase())
}
