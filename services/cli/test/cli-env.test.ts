import { join } from 'node:path'
import type { EnvironmentView } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, anthropic, coder, companyId, projectId, secretId, website } from './fixtures/sample-rows.js'

const { id, key, name, status } = anthropic
const basics: Record<string, FakeHandler> = {
  listCompanies: () => ({ body: [acme] }),
  listAgents: () => ({ body: [coder] }),
  listProjects: () => ({ body: [website] }),
  listSecretCatalog: () => ({ body: [{ id, key, name, status }] })
}

t.test('env set reads the environment, changes what was named, and keeps the rest as it came', async (t) => {
  let stored: EnvironmentView['env'] = {
    KEPT: { type: 'plain', value: '***REDACTED***' },
    REF: { type: 'secret_ref', secretId, version: 2 },
    OLD: { type: 'plain', value: 'x' }
  }
  const gateway = await fakeGateway(t, {
    ...basics,
    getAgentEnvironment: () => ({ body: { env: stored } }),
    putAgentEnvironment: () => ({ body: { env: stored } })
  })
  const folder = t.testdir({
    region: 'eu-west-1\n',
    'env.json': '{"env":{"DOC":"text","TYPED":{"type":"plain","value":"v"}}}'
  })
  const args = ['env', 'set', 'coder', 'NEW=secret:anthropic-api-key', 'PIN=secret:anthropic-api-key@3']
  args.push('--secret', `BY_ID=${secretId}@2`, '--plain-file', `REGION=${join(folder, 'region')}`)
  args.push('--plain-env', 'MODEL', '--plain-env', 'OTHER=MODEL', '--unset', 'OLD', '--unset', 'ABSENT')
  args.push('--from-file', join(folder, 'env.json'))
  const result = await runCli(args, { origin: gateway.origin, env: { MODEL: 'large' } })
  t.equal(result.code, 0, result.stderr)
  t.same(gateway.last('putAgentEnvironment'), {
    operationId: 'putAgentEnvironment',
    params: { companyId, agentId: coder.id },
    query: {},
    token: null,
    body: {
      env: {
        KEPT: { type: 'plain', value: '***REDACTED***' },
        REF: { type: 'secret_ref', secretId, version: 2 },
        NEW: '$secret:anthropic-api-key',
        PIN: '$secret:anthropic-api-key@3',
        BY_ID: { type: 'secret_ref', secretId, version: 2 },
        REGION: { type: 'plain', value: 'eu-west-1' },
        MODEL: { type: 'plain', value: 'large' },
        OTHER: { type: 'plain', value: 'large' },
        DOC: 'text',
        TYPED: { type: 'plain', value: 'v' }
      }
    }
  })
  t.match(result.stdout, /REF +secret:anthropic-api-key +2/, 'people see keys, not ids')
  stored = {}
  const json = await runCli(['env', 'get', 'coder', '--json'], { origin: gateway.origin })
  t.same(JSON.parse(json.stdout), { env: {} })
  t.same(gateway.violations, [])
})

t.test('env set of a project takes a document from stdin; --replace starts from nothing', async (t) => {
  const gateway = await fakeGateway(t, {
    ...basics,
    getProjectEnvironment: () => ({ body: { env: { OLD: { type: 'plain', value: 'x' } } } }),
    putProjectEnvironment: () => ({ body: { env: {} } })
  })
  const set = (input: string, ...flags: string[]) =>
    runCli(['env', 'set', '--project', 'website', '--from-file', '-', ...flags], {
      origin: gateway.origin,
      input
    })
  t.equal((await set('{"A":"1"}')).code, 0)
  t.match(gateway.last('putProjectEnvironment'), {
    params: { projectId },
    body: { env: { OLD: {}, A: '1' } }
  })
  t.equal((await set('{"A":"1"}', '--replace')).code, 0)
  t.same(gateway.last('putProjectEnvironment')?.body, { env: { A: '1' } })
  const before = gateway.calls.length
  for (const bad of ['never-printed', '[]', '{"A":never-printed}', '{"A":["never-printed"]}']) {
    const { code, stderr } = await set(bad)
    t.equal(code, 1)
    t.notMatch(stderr, /never-printed/)
  }
  t.equal(gateway.calls.length, before)
  t.same(gateway.violations, [])
})
