/**
 * Gives the place to go on to after signing in, when it is one of ours: a path of this origin. Anything else, an
 * address of elsewhere in whatever spelling among it, is the start page.
 */
export function ownPath(next: string | null, origin: string): string {
  // A browser reads a backslash as a slash and leaves out tabs and line breaks: neither is in a path of ours.
  if (next === null || !/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(next) || !URL.canParse(next, origin))
    return '/'
  const url = new URL(next, origin)
  const path = url.pathname + url.search + url.hash
  // `/.//host` is a path of ours until its dots are taken out; then it names a host.
  return url.origin === origin && !path.startsWith('//') ? path : '/'
}
