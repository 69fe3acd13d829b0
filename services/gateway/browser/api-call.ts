/** A request that did not succeed, in words for the person at the page. */
export class CallError extends Error {
  readonly status: number
  readonly code: string

  constructor({ status, code, message }: { status: number; code: string; message: string }) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** What an error reply may say: a problem document, or Better Auth's own form. */
interface ErrorBody {
  detail?: unknown
  message?: unknown
  code?: unknown
}

/**
 * Calls the API as whoever is signed in and gives the reply's body. Throws {@link CallError} for anything but
 * success.
 */
export async function call<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  let reply: Response
  try {
    reply = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
  } catch {
    throw new CallError({
      status: 0,
      code: 'unreachable',
      message: 'The gateway cannot be reached. Try again.'
    })
  }
  const answer: unknown = await reply.json().catch(() => null)
  if (reply.ok) return answer as T
  throw failure(reply, answer)
}

function failure(reply: Response, answer: unknown): CallError {
  const body: ErrorBody = typeof answer === 'object' && answer !== null ? answer : {}
  const text = [body.detail, body.message].find((each) => typeof each === 'string' && each !== '')
  const wait = Number(reply.headers.get('retry-after'))
  const hint = reply.status === 429 && wait > 0 ? ` Try again in ${wait} s.` : ''
  return new CallError({
    status: reply.status,
    code: typeof body.code === 'string' ? body.code : '',
    message: `${typeof text === 'string' ? text : 'That did not work.'}${hint}`
  })
}
