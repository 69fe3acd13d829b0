const nextLinkPattern = /<([^>]*)>\s*;\s*rel="?next"?(?=\s*(?:[;,]|$))/i

/**
 * Finds the cursor of the next page in a `Link` header (RFC 8288), or null on the last page.
 *
 * Only the cursor is taken out of the link, never its address: whatever the header says, the next request goes
 * where the first one went.
 */
export function nextCursor(link: string | string[] | undefined): string | null {
  const target = nextLinkPattern.exec([link ?? []].flat().join(', '))?.[1]
  if (target === undefined) return null
  const queryStart = target.indexOf('?')
  return queryStart === -1 ? null : new URLSearchParams(target.slice(queryStart + 1)).get('cursor')
}
