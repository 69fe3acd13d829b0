import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { type Frame, parseFrames } from './fixtures.js'
import { watch } from './process-watch.js'
import { type SecretsApp, service, sign } from './secrets-app.js'

/** A batch's reply as it comes. */
export interface BatchStream {
  readonly headers: IncomingHttpHeaders
  /** Gives what has come as soon as there are so many frames. */
  frames(count: number): Promise<Frame[]>
  /** Gives all of them when the reply has ended. */
  all(): Promise<Frame[]>
  /** Goes away without waiting for the rest. */
  leave(): void
}

/** Sends a batch as the gateway does, on a connection of its own, and reads its reply piece by piece. */
export async function sendBatch({ origin }: SecretsApp, items: object[]): Promise<BatchStream> {
  const { path, method, headers, body } = sign(origin, service('gateway'), {
    method: 'POST',
    path: '/resolve-batch',
    body: { items }
  })
  const request = httpRequest(origin + path, { method, headers, agent: false })
  request.end(body)
  const [reply] = (await once(request, 'response')) as [IncomingMessage]
  reply.setEncoding('utf8')
  let text = ''
  reply.on('data', (piece: string) => {
    text += piece
  })
  reply.on('end', () => watch.noteExchange({ method, path, sent: body, status: reply.statusCode ?? 0, text }))
  const framesIn = () => text.split('\n').length >> 1

  return {
    headers: reply.headers,
    async frames(count) {
      while (framesIn() < count) await once(reply, 'data')
      return parseFrames(text)
    },
    async all() {
      if (!reply.readableEnded) await once(reply, 'end')
      return parseFrames(text)
    },
    leave: () => request.destroy()
  }
}
