import type { ServerResponse } from 'node:http'

/** What goes wrong with an answer. */
export type FaultEffect =
  | 'hang'
  | 'reset'
  | 'truncate'
  | 'slow'
  | 'html'
  | 'wrong_json'
  | 'redirect'
  | 'throttle'
  | 'internal_error'
  | 'refuse'
  | 'oversize'

export interface Fault {
  readonly effect: FaultEffect
  /** Any operation when absent. */
  readonly operation?: string
  /** Whether the request has its effect before its answer is spoilt. */
  readonly applied?: boolean
  /** How many requests it hits; one when absent. */
  readonly times?: number
  /** Where `redirect` points. */
  readonly location?: string
  /** The status of `redirect` (307), `html` (503) or `refuse` (400). */
  readonly status?: number
  /** The type that `refuse` gives. */
  readonly type?: string
}

/** Faults that wait for a request, the oldest first. */
export class FaultQueue {
  #waiting: { fault: Fault; left: number }[] = []

  add(fault: Fault): void {
    this.#waiting.push({ fault, left: fault.times ?? 1 })
  }

  clear(): void {
    this.#waiting = []
  }

  take(operation: string): Fault | undefined {
    const found = this.#waiting.find(
      ({ fault }) => fault.operation === undefined || fault.operation === operation
    )
    if (found === undefined) return undefined
    found.left -= 1
    if (found.left === 0) this.#waiting = this.#waiting.filter((waiting) => waiting !== found)
    return found.fault
  }
}

const slowBytes = 8
const slowByteMs = 40
const oversizeBytes = 16 * 1024 * 1024
const json = { 'content-type': 'application/x-amz-json-1.1' }

interface Spoilt {
  /** What would have been said, if the request had its effect. */
  readonly body: string
  /** Makes the text of an error. */
  readonly word: (text: string) => string
}

/** Spoils an answer. */
export function answerBadly(response: ServerResponse, fault: Fault, { body, word }: Spoilt): void {
  const { effect, status } = fault
  switch (effect) {
    case 'hang':
      return
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'truncate':
      response.writeHead(200, { ...json, 'content-length': Buffer.byteLength(body) + 1 })
      response.write(body.slice(0, -1), () => response.socket?.destroy())
      return
    case 'slow':
      answerSlowly(response, body)
      return
    case 'html':
      response.writeHead(status ?? 503, { 'content-type': 'text/html' })
      response.end(`<html><body><h1>Try later</h1>${word('A page of a proxy')}</body></html>`)
      return
    case 'wrong_json':
      response.writeHead(200, json)
      response.end(`{"ARN": 7, "VersionId": ["${word('Not JSON')}`)
      return
    case 'redirect':
      response.writeHead(status ?? 307, { location: fault.location ?? '/' })
      response.end()
      return
    case 'oversize':
      response.writeHead(200, json)
      response.end(`{"Padding":"${'x'.repeat(oversizeBytes)}"}`)
      return
    case 'throttle':
      answerError(response, { status: 400, type: 'ThrottlingException' }, word('try later'))
      return
    case 'internal_error':
      answerError(response, { status: 500, type: 'InternalServiceError' }, word('try later'))
      return
    case 'refuse':
      answerError(response, { status: status ?? 400, type: fault.type ?? 'X' }, word('refused'))
  }
}

/** An error as the service words it: a type, and a text of its own. */
export function answerError(
  response: ServerResponse,
  { status, type }: { status: number; type: string },
  text: string
): void {
  response.writeHead(status, json)
  response.end(JSON.stringify({ __type: type, Message: text }))
}

function answerSlowly(response: ServerResponse, body: string): void {
  response.writeHead(200, json)
  let sent = 0
  const timer = setInterval(() => {
    response.write(body.slice(sent, sent + slowBytes))
    sent += slowBytes
    if (sent < body.length) return
    clearInterval(timer)
    response.end()
  }, slowByteMs)
  response.on('close', () => clearInterval(timer))
}
