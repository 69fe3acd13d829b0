/** Stands in every error text of the emulator: whoever repeats it passes on what a provider said. */
export const providerTextMarker = 'said-by-the-emulator'

/** How much of what came last an error may echo. */
const echoedCharsMax = 4_000

/**
 * Everything that an emulator was ever told, or tells, and that nobody may learn from us. Kept beside the account, since
 * tests take secrets out of that, and what a refused request carried is secret as well.
 */
export class HeldSecrets {
  readonly values = new Set<string>()
  readonly names = new Set<string>()

  /** Notes what a request carries, whatever becomes of it. */
  note(body: Buffer): void {
    const members = parse(body)
    for (const name of ['SecretString', 'SecretBinary']) addText(this.values, members[name])
    addText(this.names, members.Name)
  }
}

/** What is echoed into an error that is as bad as it can be. */
interface Echo {
  readonly accountId: string
  readonly credentials: unknown
  readonly held: HeldSecrets
  readonly body: Buffer
}

/** The text of a refusal; with `echo`, one that gives away all that the service knows. */
export function errorText(text: string, echo: Echo | null): string {
  const said = `${text} (${providerTextMarker})`
  if (echo === null) return said
  const { accountId, credentials, held, body } = echo
  const known = [...held.values, ...held.names].slice(-20).join(' ').slice(-echoedCharsMax)
  const request = body.toString().slice(0, echoedCharsMax)
  const principal = `arn:aws:sts::${accountId}:assumed-role/paperclip/test`
  return `${said} ${principal} ${request} ${known} ${JSON.stringify(credentials)}`
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(body.toString()))
  } catch {
    return {}
  }
}

function addText(texts: Set<string>, found: unknown): void {
  if (typeof found === 'string') texts.add(found)
}
