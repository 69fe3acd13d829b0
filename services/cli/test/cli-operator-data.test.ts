import type { InlineMigrationReport } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, companyId, sampleId } from './fixtures/sample-rows.js'

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

t.test(
  'a company made by mistake is put away, brought back, or deleted by whoever repeats its name',
  async (t) => {
    const twins = [2, 3].map((n) => ({ ...acme, id: sampleId(1, n), name: 'Twin' }))
    let deletionIsOff = false
    const gateway = await fakeGateway(t, {
      listCompanies: () => ({ body: [...twins, { ...acme, status: 'archived' }] }),
      getCompany: ({ params }) => ({ body: { ...acme, id: params.companyId } }),
      updateCompany: ({ body }) => ({ body: { ...acme, ...(body as object) } }),
      deleteCompany: () => (deletionIsOff ? { problem: 'company_deletion_disabled' } : { body: { ok: true } })
    })
    const company = (...args: string[]) => runCli(['company', ...args], gateway)
    t.match(await company('archive', 'Acme'), { code: 0, stdout: '', stderr: /Acme \(.*\) is archived\n$/ })
    t.match(gateway.last('updateCompany'), { params: { companyId }, body: { status: 'archived' } })
    t.match(JSON.parse((await company('unarchive', companyId, '--json')).stdout), {
      id: companyId,
      status: 'active'
    })
    t.same(gateway.last('updateCompany')?.body, { status: 'active' })

    const unsaid = await company('delete', 'Acme')
    t.match(unsaid, { code: 2, stdout: '', stderr: /cannot be undone\n.*hint: .*--confirm/ })
    for (const confirm of ['acme', 'Acme ', companyId])
      t.match(await company('delete', 'Acme', '--confirm', confirm), {
        code: 1,
        stderr: /nothing was deleted/
      })
    const several = await company('delete', 'Twin', '--confirm', 'Twin')
    t.match(several, {
      code: 2,
      stderr: new RegExp(`several[\\s\\S]*${twins[0]?.id}[\\s\\S]*${twins[1]?.id}`)
    })
    t.match(await company('delete', 'Nobody', '--confirm', 'Nobody'), {
      code: 1,
      stderr: /no company "Nobody"\n/
    })
    t.equal(gateway.last('deleteCompany'), undefined)

    t.match(await company('delete', 'Acme', '--confirm', 'Acme'), {
      code: 0,
      stdout: '',
      stderr: /is deleted; its record/
    })
    t.match(gateway.last('deleteCompany'), { params: { companyId }, query: { confirm: 'Acme' } })
    const byId = await company('delete', companyId, '--confirm', 'Acme', '--json')
    t.same(JSON.parse(byId.stdout), { id: companyId, ok: true })
    deletionIsOff = true
    t.match(await company('delete', 'Acme', '--confirm', 'Acme'), {
      code: 1,
      stderr: /company_deletion_disabled.*\n.*hint: .*npm start.*\.env.*company archive/
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
  const failures = ['integrity_failure', 'infra_secret'].map((code) => {
    return { targetType: 'agent', targetId: sampleId(3), code } as const
  })
  const broken = await fakeGateway(t, {
    ...lists,
    migrateInlineEnvironments: () => ({ body: partOf(true, 'A_TOKEN', { failures }) })
  })
  t.match(await runCli(['secrets', 'migrate-inline-env', '--apply'], broken), {
    code: 1,
    stdout: /A_TOKEN +made/,
    stderr:
      /was left as it is \(integrity_failure\)[\s\S]*\(infra_secret\)[\s\S]*hint: .*env set --replace[\s\S]*hint: .*rotation\.md/
  })
})
