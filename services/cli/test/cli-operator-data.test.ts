import type { InlineMigrationReport } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, sampleId } from './fixtures/sample-rows.js'

const lists: Record<string, FakeHandler> = { listCompanies: () => ({ body: [acme] }) }

function partOf(apply: boolean, name: string, rest: Partial<InlineMigrationReport>): InlineMigrationReport {
  const place = { targetType: 'agent', targetId: sampleId(3) } as const
  const secret = apply ? { secretId: sampleId(4), secretKey: 'made' } : { secretId: null, secretKey: null }
  const entries = [{ ...place, name, ...secret }]
  return {
    applied: apply,
    targets: 1,
    values: 1,
    entries,
    failures: [],
    remaining: 0,
    nextCursor: null,
    ...rest
  }
}

/** Two parts, the second behind the cursor of the first. */
const inTwoParts: FakeHandler = ({ body }) => {
  const { apply, cursor } = body as { apply: boolean; cursor?: string }
  if (cursor === undefined) return { body: partOf(apply, 'A_TOKEN', { remaining: 7, nextCursor: 'on' }) }
  return { body: partOf(apply, 'B_TOKEN', {}) }
}

t.test(
  'a migration is planned unless --apply is said, part after part, with progress on stderr',
  async (t) => {
    const gateway = await fakeGateway(t, { ...lists, migrateInlineEnvironments: inTwoParts })
    const run = (...args: string[]) => runCli(['secrets', 'migrate-inline-env', ...args], gateway)
    const planned = await run()
    t.match(planned, {
      code: 0,
      stdout: /VARIABLE +SECRET\nagent .* A_TOKEN +-\nagent .* B_TOKEN +-\n$/,
      stderr:
        /1 values so far, 7 environments to look at\n.*2 inline values in 2 environments found\n.*hint: .*--apply/
    })
    t.same(
      gateway.calls.slice(-2).map(({ body }) => body),
      [{ apply: false }, { apply: false, cursor: 'on' }]
    )
    const done = await run('--apply', '--json')
    t.match(done, { code: 0, stderr: /2 inline values in 2 environments moved/ })
    t.match(JSON.parse(done.stdout), {
      applied: true,
      targets: 2,
      values: 2,
      entries: [{ secretKey: 'made' }, {}]
    })
    t.same(gateway.violations, [])
  }
)

t.test('a migration that is cut off says so, and what was left is a failure', async (t) => {
  const cut = await fakeGateway(t, {
    ...lists,
    migrateInlineEnvironments: (call, count) =>
      count === 1 ? inTwoParts(call, count) : { problem: 'secrets_unavailable' }
  })
  const answer = await runCli(['secrets', 'migrate-inline-env', '--apply'], cut)
  t.match(answer, { code: 1, stdout: /A_TOKEN +made/, stderr: /run it again: what is done stays done/ })
  const failures = [{ targetType: 'agent', targetId: sampleId(3), code: 'integrity_failure' }] as const
  const broken = await fakeGateway(t, {
    ...lists,
    migrateInlineEnvironments: () => ({ body: partOf(true, 'A_TOKEN', { failures: [...failures] }) })
  })
  t.match(await runCli(['secrets', 'migrate-inline-env', '--apply'], broken), {
    code: 1,
    stdout: /A_TOKEN +made/,
    stderr: /was left as it is \(integrity_failure\)/
  })
})
