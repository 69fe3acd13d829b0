/** Looks for many texts at once, in one pass however many there are. */
export interface NeedleFinder {
  /** The kinds of needles that a text holds. */
  kindsIn(text: string): Set<string>
}

/** Shorter texts turn up by chance. */
export const needleCharsMin = 8

/** So much of the beginning of a long text gives it away. */
export const needleCharsMax = 64

/** Makes a finder of needles, each with the kind that it is told by. Those that are too short are left out. */
export function createNeedleFinder(needles: Iterable<readonly [needle: string, kind: string]>): NeedleFinder {
  const kinds = new Map<string, string>()
  const lengthsByPrefix = new Map<string, Set<number>>()
  const firstChars = new Set<number>()
  for (const [whole, kind] of needles) {
    if (whole.length < needleCharsMin) continue
    const needle = whole.slice(0, needleCharsMax)
    const prefix = needle.slice(0, needleCharsMin)
    kinds.set(needle, kind)
    lengthsByPrefix.set(prefix, (lengthsByPrefix.get(prefix) ?? new Set()).add(needle.length))
    firstChars.add(needle.charCodeAt(0))
  }
  return {
    kindsIn(text) {
      const found = new Set<string>()
      for (let at = 0; at + needleCharsMin <= text.length; at++) {
        if (!firstChars.has(text.charCodeAt(at))) continue
        for (const length of lengthsByPrefix.get(text.slice(at, at + needleCharsMin)) ?? []) {
          const kind = kinds.get(text.slice(at, at + length))
          if (kind !== undefined) found.add(kind)
        }
      }
      return found
    }
  }
}

/**
 * A text in the forms in which it could turn up: as it is, in JSON and in JSON within JSON, in a URL, as hex, as base64
 * wherever it begins.
 */
export function formsOf(text: string): Set<string> {
  const bytes = Buffer.from(text)
  const json = JSON.stringify(text).slice(1, -1)
  const forms = new Set([text, json, JSON.stringify(json).slice(1, -1)])
  // Through the bytes, since half a character has no form in a URL.
  forms.add(encodeURIComponent(bytes.toString())).add(bytes.toString('hex'))
  for (const shift of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    // The characters at both ends also depend on what stands beside the text.
    const own = encoded.slice(
      shift === 0 ? 0 : shift + 1,
      bytes.length % 3 === (3 - shift) % 3 ? undefined : -1
    )
    forms.add(own).add(own.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return forms
}
