import type { UserView } from '@paperclip/contracts'
import t from 'tap'
import { aRowAPage, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, ada, anthropic, companyId, sampleId } from './fixtures/sample-rows.js'

const time = '2026-01-31T12:00:00.000Z'
const unfinished = { code: 1, stderr: /ended the connection/ }

t.test('everybody is signed out, and their keys revoked, when all are meant', async (t) => {
  const bob: UserView = { ...ada, id: 'u-2', email: 'bob@example.com' }
  const me = { user: null, userId: 'u-1', isInstanceAdmin: true, companyIds: [], memberships: [] }
  let isDown = false
  const gateway = await fakeGateway(t, {
    listUsers: aRowAPage([bob, ada]),
    endUserSessions: ({ params }) =>
      isDown ? null : params.id === 'u-2' ? { problem: 'not_found' } : { body: { ok: true } },
    revokeUserKeys: () => (isDown ? null : { body: { revoked: 2 } }),
    getCliMe: (_, count) => ({
      body: {
        ...me,
        ...(count === 1
          ? { source: 'board_key', keyId: sampleId(9) }
          : { source: 'local_operator', keyId: null })
      }
    }),
    revokeCurrentBoardKey: () => ({ body: { revoked: true, keyId: sampleId(9) } })
  })
  const user = (...args: string[]) => runCli(['user', ...args], { origin: gateway.origin })
  for (const verb of ['end-sessions', 'revoke-keys']) {
    t.match(await user(verb), { code: 2, stderr: /nobody is named/ })
    t.match(await user(verb, 'ada', '--all', '--yes'), { code: 2 })
    t.match(await user(verb, '--all'), { code: 2, stderr: /say --yes/ })
  }
  t.match(await user('end-sessions', '--all', '--yes'), { code: 0, stderr: /all 2 people are signed out/ })
  t.match(await user('end-sessions', 'u-2'), { code: 1 }, 'one who is named must be there')
  t.match(await user('revoke-keys', 'Ada@example.com'), { code: 0, stderr: /2 board keys of ada@/ })
  t.same(JSON.parse((await user('revoke-keys', '--all', '--yes', '--json')).stdout), { revoked: 6 })
  t.match(gateway.last('revokeUserKeys')?.params, { id: 'local-board' })
  t.match(await user('revoke-keys', '--this', '--all'), { code: 2 })
  t.match(await user('revoke-keys', '--this'), { code: 0, stderr: /of this command is revoked/ })
  t.match(await user('revoke-keys', '--this'), { code: 0, stderr: /nothing to do/ })
  isDown = true
  for (const verb of ['end-sessions', 'revoke-keys'])
    t.match(await user(verb, '--all', '--yes'), unfinished, 'what was not done is not said')
  t.same(gateway.violations, [])
})

const archived = { ...acme, id: sampleId(1, 2), status: 'archived' }

t.test('open invites are revoked, one or all, of archived companies too', async (t) => {
  const invite = { id: sampleId(8), role: 'viewer', expiresAt: time, createdAt: time }
  const invites = [invite, { ...invite, id: sampleId(8, 2) }]
  let isDown = false
  const gateway = await fakeGateway(t, {
    listCompanies: aRowAPage([acme, archived]),
    listInvites: (call, count) => aRowAPage(call.params.companyId === companyId ? invites : [])(call, count),
    revokeInvite: (_, count) =>
      isDown ? null : count === 2 ? { problem: 'not_found' } : { body: { ok: true } }
  })
  const cli = (...args: string[]) => runCli(['invite', ...args], { origin: gateway.origin })
  t.match(await cli('list'), { code: 0, stdout: /^ID +ROLE +EXPIRES/ })
  t.match(await cli('revoke', 'paperclip_invite_x'), { code: 2, stderr: /<invite-id> is not an id/ })
  t.match(await cli('revoke'), { code: 2, stderr: /one invite, or --all/ })
  t.match(await cli('revoke', '--all', '--all-companies'), { code: 0, stderr: /revoked 1 open invite\b/ })
  t.ok(gateway.calls.some(({ params }) => params.companyId === archived.id))
  t.match(await cli('revoke', invite.id), { code: 0, stderr: /is revoked/ })
  isDown = true
  t.match(await cli('revoke', '--all', '--all-companies'), unfinished, 'what was not done is not said')
  t.same(gateway.violations, [])
})

t.test('of the secrets those are listed whose values lie in the database', async (t) => {
  const remote = { provider: 'aws_secrets_manager' }
  const rows = [
    anthropic,
    { ...anthropic, ...remote, id: sampleId(4, 2), key: 'far' },
    {
      ...{ ...anthropic, ...remote, id: sampleId(4, 3), key: 'linked' },
      ...{ managedMode: 'external_reference', externalRef: 'x' }
    },
    { ...anthropic, id: sampleId(4, 4), key: 'asleep', status: 'disabled' }
  ]
  const gateway = await fakeGateway(t, {
    listCompanies: aRowAPage([acme, archived]),
    listSecrets: (call, count) => aRowAPage(call.params.companyId === companyId ? rows : [])(call, count)
  })
  const exposed = (...args: string[]) =>
    runCli(['secrets', 'exposed', '--all-companies', ...args], { origin: gateway.origin })
  t.same(
    JSON.parse((await exposed('--json')).stdout).map(({ key }: { key: string }) => key),
    ['asleep', 'anthropic-api-key'],
    'what lies elsewhere is not in this database'
  )
  t.match(await exposed('--company-id', companyId), { code: 2 })
  t.same(gateway.violations, [])
})
