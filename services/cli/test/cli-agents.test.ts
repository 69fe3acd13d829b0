import type { AgentView } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, agentId, coder, keyId, sampleId } from './fixtures/sample-rows.js'

const basics: Record<string, FakeHandler> = { listCompanies: () => ({ body: [acme] }) }

t.test('a name stands for one living agent; of several the ids are listed', async (t) => {
  const namesake = { ...coder, id: sampleId(2, 2) }
  let agents = [{ ...namesake, status: 'terminated' as const }, coder]
  const gateway = await fakeGateway(t, {
    ...basics,
    listAgents: () => ({ body: agents }),
    listAgentKeys: () => ({ body: [] }),
    createAgentKey: ({ body }) => ({
      body: {
        ...{ id: keyId, name: (body as { name: string }).name, token: `paperclip_agent_${'a'.repeat(43)}` },
        ...{ createdAt: coder.createdAt, expiresAt: null }
      }
    }),
    revokeAgentKey: () => ({ body: { ok: true } })
  })
  const keys = (agent: string) => runCli(['agent', 'keys', agent], { origin: gateway.origin })
  t.equal((await keys('coder')).code, 0)
  t.equal(gateway.last('listAgentKeys')?.params.id, coder.id)
  t.match(await keys('writer'), { code: 1, stderr: /no agent "writer"[\s\S]*agent list/ })
  const made = await runCli(['agent', 'create-key', coder.id], { origin: gateway.origin })
  t.match(made, { code: 0, stdout: /token +paperclip_agent_/ })
  t.same(gateway.last('createAgentKey')?.body, { name: 'paperclipai' }, 'a name may be left out')
  const revoked = await runCli(['agent', 'revoke-key', 'coder', keyId], { origin: gateway.origin })
  t.match(revoked, { code: 0, stdout: '' })
  t.same(gateway.last('revokeAgentKey')?.params, { id: coder.id, keyId })
  agents = [namesake, coder] as typeof agents
  t.match(await keys('coder'), { code: 2, stderr: new RegExp(`${namesake.id}[\\s\\S]*${coder.id}`) })
  t.same(gateway.violations, [])
})

t.test('an agent is paused, resumed and ended by its name; what cannot be undone wants --yes', async (t) => {
  const to = (status: AgentView['status']) => () => ({ body: { ...coder, status } })
  const gateway = await fakeGateway(t, {
    ...basics,
    listAgents: () => ({ body: [coder] }),
    pauseAgent: to('paused'),
    resumeAgent: to('active'),
    terminateAgent: (_call, count) => (count === 1 ? to('terminated')() : { problem: 'state_conflict' })
  })
  const cli = (...args: string[]) => runCli(['agent', ...args], { origin: gateway.origin })
  t.match(await cli('pause', 'coder'), { code: 0, stdout: '', stderr: /coder .* is paused/ })
  t.match(gateway.last('pauseAgent')?.params, { id: agentId })
  t.match(await cli('resume', 'coder'), { code: 0, stderr: /is active again/ })
  t.match(await cli('terminate', 'coder'), { code: 2, stderr: /cannot be undone[\s\S]*--yes/ })
  t.match(JSON.parse((await cli('terminate', 'coder', '--yes', '--json')).stdout), { status: 'terminated' })
  t.match(await cli('terminate', 'coder', '--yes'), { code: 1, stderr: /state_conflict/ })
  t.same(gateway.violations, [])
})
