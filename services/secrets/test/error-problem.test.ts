import { newId, newResolveId } from '@paperclip/contracts'
import { createServer, pino } from '@paperclip/server'
import t, { type Test } from 'tap'
import { resolveRoutes } from '../src/resolve/resolve-routes.js'
import { parseFrames } from './support/fixtures.js'

const canary = 'canary-2d90'

/** A batch of one item whose resolve ends in an error, as when the database goes away after the commit. */
async function batchThatFails(t: Test, error: Error) {
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const app = await createServer({
    logger,
    headerBytesMax: 16_384,
    trustProxy: false,
    classify: () => undefined
  })
  await app.register(resolveRoutes, {
    resolves: { resolve: () => Promise.reject(error), begin: () => Promise.reject(error) }
  })
  t.teardown(() => app.close())
  const ids = { companyId: newId(), agentId: newId(), projectId: null, runId: newId() }
  const openedBy = {
    actorType: 'user',
    actorId: 'local-board',
    credentialKind: 'local_operator',
    credentialId: null
  }
  const item = { resolveId: newResolveId(), requestId: 'item-1', ...ids, openedBy }
  const reply = await app.inject({
    method: 'POST',
    url: '/internal/resolve-batch',
    payload: { items: [item] }
  })
  return { frame: parseFrames(reply.body)[0], log: lines.join('') }
}

t.test('a database that goes away after the commit is 503 for its item, and in the log', async (t) => {
  const { frame, log } = await batchThatFails(t, new Error('Connection terminated unexpectedly'))
  t.match(frame, { status: 503, body: { code: 'database_unavailable', requestId: 'item-1' } })
  t.match(log, /"requestId":"item-1".*request failed/)
})

t.test('a fault of ours inside a batch is a silent 500 for its item, and an error in the log', async (t) => {
  const { frame, log } = await batchThatFails(t, new RangeError(canary))
  t.match(frame, { status: 500, body: { code: 'internal_error', requestId: 'item-1' } })
  t.notMatch(JSON.stringify(frame), canary)
  t.match(log, /"level":50.*"requestId":"item-1".*"name":"RangeError"/)
  t.notMatch(log, canary)
})
