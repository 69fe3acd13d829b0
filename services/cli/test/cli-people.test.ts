import type { UserView } from '@paperclip/contracts'
import t from 'tap'
import { fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, ada, companyId, sampleId } from './fixtures/sample-rows.js'

const time = '2026-01-31T12:00:00.000Z'

t.test('users are named by id or address; a deletion asks, and says what is in its way', async (t) => {
  const bob: UserView = { ...ada, id: 'u-2', name: 'Bob', email: 'bob@example.com', isInstanceAdmin: true }
  const gateway = await fakeGateway(t, {
    listUsers: () => ({ body: [bob, ada] }),
    deleteUser: ({ params }) => (params.id === 'u-1' ? { body: { ok: true } } : { problem: 'user_is_admin' }),
    demoteUser: () => ({ problem: 'last_admin' }),
    promoteUser: () => ({ body: { ...ada, isInstanceAdmin: true } }),
    endUserSessions: () => ({ body: { ok: true } })
  })
  const user = (...args: string[]) => runCli(['user', ...args], { origin: gateway.origin })
  t.same(JSON.parse((await user('list', '--json')).stdout), [bob, ada])
  t.match(await user('delete', 'u-1'), { code: 2, stderr: /cannot be undone[\s\S]*--yes/ })
  t.notOk(gateway.operations().includes('deleteUser'))
  t.match(await user('delete', 'Ada@Example.com', '--yes'), {
    code: 0,
    stdout: '',
    stderr: /\(u-1\) is deleted/
  })
  t.same(gateway.last('deleteUser')?.params, { id: 'u-1' })
  t.match(await user('delete', 'u-2', '--yes'), {
    code: 1,
    stderr: /user_is_admin[\s\S]*hint: .*user demote/
  })
  t.match(await user('demote', 'u-2'), { code: 1, stderr: /last_admin[\s\S]*hint: .*user promote/ })
  t.match(await user('promote', 'u-1'), { code: 0, stderr: /is an instance admin/ })
  t.match(await user('end-sessions', 'u-1', '--json'), { code: 0, stdout: /"ok": true/ })
  t.match(await user('delete', 'eve', '--yes'), { code: 1, stderr: /no such user[\s\S]*user list/ })
  t.same(gateway.violations, [])
})

t.test('people come by invite: its address is shown once, and it is taken back by its id', async (t) => {
  const open = { id: sampleId(9, 1), role: 'viewer' as const, expiresAt: time, createdAt: time }
  const url = 'http://localhost:3100/invites/canary-of-an-invite'
  const gateway = await fakeGateway(t, {
    listCompanies: () => ({ body: [acme] }),
    createInvite: () => ({ status: 201, body: { ...open, token: 'canary-of-an-invite', url } }),
    listInvites: () => ({ body: [open] }),
    revokeInvite: () => ({ body: { ok: true } })
  })
  const invite = (...args: string[]) => runCli(['invite', ...args], { origin: gateway.origin })
  const made = await invite('create', 'viewer', '--hours', '24')
  t.match(made, { code: 0, stdout: new RegExp(`address +${url}`), stderr: /this once/ })
  t.same(gateway.last('createInvite')?.body, { role: 'viewer', expiresInHours: 24 })
  t.match(await invite('create', 'king'), { code: 2, stderr: /Allowed choices are/ })
  t.match(await invite('create', 'viewer', '--hours', '721'), { code: 2, stderr: /from 1 to 720/ })
  t.same(JSON.parse((await invite('list', '--json')).stdout), [open])
  const misused = await invite('revoke', url)
  t.match(misused, { code: 2, stderr: /invite list/ })
  t.notMatch(misused.stderr, /canary/)
  t.match(await invite('revoke', open.id), { code: 0, stdout: '', stderr: /is revoked/ })
  t.same(gateway.last('revokeInvite')?.params, { companyId, inviteId: open.id })
  t.same(gateway.violations, [])
})
