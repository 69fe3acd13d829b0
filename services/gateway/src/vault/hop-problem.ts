import { isProblemCode, Problem } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { Value } from 'typebox/value'
import type { HopReply } from './secrets-hop.js'

/** Reads the problem that the secrets service answered with, to throw it as ours. */
export function problemOfReply(reply: HopReply): AppError {
  const problem = parse(reply.body)
  if (!Value.Check(Problem, problem) || !isProblemCode(problem.code))
    return new AppError('secrets_unavailable', { context: { hop: 'bad_reply', status: reply.status } })
  return new AppError(problem.code, {
    detail: problem.detail,
    ...(problem.errors === undefined ? {} : { errors: problem.errors })
  })
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return null
  }
}
