/** What the address of a page carries: the last part of its path, and its query. */
export interface AddressSecrets {
  token: string | null
  query: URLSearchParams
}

/**
 * Reads a token out of `/<page>/<token>?…` and takes it and the query out of the address bar and the history, so
 * that no screenshot, shared link or later page shows them. From then on they are in this module's memory only.
 */
export function takeFromPath(): AddressSecrets {
  const { pathname, search } = location
  const [, page = '', token = ''] = pathname.split('/')
  history.replaceState(null, '', `/${page}`)
  return { token: token === '' ? null : decodeURIComponent(token), query: new URLSearchParams(search) }
}

/** As {@link takeFromPath} for a page whose path holds nothing secret: the path stays, the query goes. */
export function takeQuery(): URLSearchParams {
  const { pathname, search } = location
  if (search !== '') history.replaceState(null, '', pathname)
  return new URLSearchParams(search)
}
