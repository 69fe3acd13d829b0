import type { Load } from './drive.js'

/** Sends one request with each token in turn; the tokens are dealt out to the connections. */
export function bearerLoad({
  origin,
  method,
  path,
  tokens
}: {
  origin: string
  method: string
  path: string
  tokens: readonly string[]
}): Load {
  return {
    origin,
    requests: (connection, connections) =>
      tokens
        .filter((_, index) => index % connections === connection % Math.min(connections, tokens.length))
        .map((token) => ({ method, path, headers: { authorization: `Bearer ${token}` } }))
  }
}
