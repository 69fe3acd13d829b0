import {
  createAgent,
  createAgentKey,
  createSecret,
  deleteAgent,
  deleteSecret,
  finishRun,
  getAgentSelf,
  getSecretUsage,
  listAgentKeys,
  listRuns,
  listSecretAccessEvents,
  listSecrets,
  listSecretVersions,
  pauseAgent,
  renewRun,
  resolveRunEnvironment,
  resumeAgent,
  revokeAgentKey,
  rotateSecret,
  terminateAgent,
  updateCompany
} from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import type { Test } from 'tap'
import { makeCanary } from './e2e-leaks.js'
import { newSetting, open, resolveOne, type World } from './e2e-world.js'

const closed = ['401 run_closed']

/** Behaviours 21 and 22 by two runs that were open before the rotation. */
export async function rotations(t: Test, world: World): Promise<void> {
  const { api, canaries } = world
  const setting = await newSetting(world, 'Rotations')
  const { companyId, secretId, secretKey, value } = setting
  const env = { KEY: `$secret:${secretKey}@1` }
  const pinned = await api.ok(createAgent, { params: { companyId }, body: { name: 'pinned', env } })
  const latestRun = await open(world, setting)
  const pinnedRun = await open(world, { companyId, agentId: pinned.id })
  const next = makeCanary(canaries, 'a rotated value')
  const body = { value: next, expectedLatestVersion: 1 }
  const rotated = await api.ok(rotateSecret, { params: { id: secretId }, body })
  t.equal(rotated.latestVersion, 2)
  // Each process in turn: an answer out of memory would be the old value somewhere.
  for (let round = 0; round < 4; round++) {
    t.equal(await resolveOne(world, latestRun.token, 'KEY'), next)
    t.equal(await resolveOne(world, pinnedRun.token, 'KEY'), value)
  }
  const again = await api.send(rotateSecret, { params: { id: secretId }, body })
  t.equal(`${again.status} ${again.code}`, '409 version_conflict')
  const versions = await api.ok(listSecretVersions, { params: { id: secretId } })
  t.same(
    versions.map(({ version, status }) => `${version} ${status}`),
    ['2 current', '1 previous']
  )
}

/** Behaviours 84 to 86. */
export async function agentKeys(t: Test, world: World): Promise<void> {
  const { api, canaries } = world
  const setting = await newSetting(world, 'Keys')
  const { companyId, agentId } = setting
  const other = await newSetting(world, 'Not theirs')
  const params = { id: agentId }
  const key = await api.ok(createAgentKey, { params, body: { name: 'ci' } })
  const { token } = key
  canaries.set('an agent key', token)
  const lastUsed = async () => (await api.ok(listAgentKeys, { params }))[0]?.lastUsedAt
  t.equal(await lastUsed(), null)
  t.same(await api.everywhere(getAgentSelf, {}, { token: `${token.slice(0, -1)}!` }), ['401 unauthenticated'])
  t.equal(await lastUsed(), null, 'a refused key was not used')
  t.same(await api.everywhere(getAgentSelf, {}, { token }), ['200'])
  await eventually(async () => {
    if ((await lastUsed()) === null) throw new Error('the use of the key does not show')
  })
  const foreign = { params: { companyId: other.companyId } }
  t.same(await api.everywhere(listSecrets, foreign, { token }), ['403 forbidden'])
  const { run, ...opened } = await open(world, setting, { token })
  t.match(run.openedBy, { actorType: 'agent', actorId: agentId, credentialId: key.id })
  t.equal(await resolveOne(world, opened.token, 'KEY'), setting.value)
  await api.ok(revokeAgentKey, { params: { ...params, keyId: key.id } })
  t.same(await api.everywhere(getAgentSelf, {}, { token }), ['401 credential_revoked'])
  const byKey = await api.send(listRuns, { params: { companyId } }, { token })
  t.equal(byKey.status, 401, 'whatever the route')
}

/** Behaviour 112, and that a resumed agent needs a new run. */
export async function agentStates(t: Test, world: World): Promise<void> {
  const { api } = world
  const setting = await newSetting(world, 'States')
  const { companyId, agentId, value } = setting
  const params = { id: agentId }
  const pausedRun = await open(world, setting)
  t.equal(await resolveOne(world, pausedRun.token, 'KEY'), value)
  await api.ok(pauseAgent, { params })
  t.same(await api.everywhere(resolveRunEnvironment, {}, { token: pausedRun.token }), closed)
  await api.ok(resumeAgent, { params })
  t.same(await api.everywhere(resolveRunEnvironment, {}, { token: pausedRun.token }), closed)
  const archivedRun = await open(world, setting)
  t.equal(await resolveOne(world, archivedRun.token, 'KEY'), value)
  await api.ok(updateCompany, { params: { companyId }, body: { status: 'archived' } })
  t.same(await api.everywhere(resolveRunEnvironment, {}, { token: archivedRun.token }), closed)
  await api.ok(updateCompany, { params: { companyId }, body: { status: 'active' } })
  const terminatedRun = await open(world, setting)
  const key = await api.ok(createAgentKey, { params, body: { name: 'ci' } })
  t.equal(await resolveOne(world, terminatedRun.token, 'KEY'), value)
  await api.ok(terminateAgent, { params })
  t.same(await api.everywhere(resolveRunEnvironment, {}, { token: terminatedRun.token }), closed)
  t.same(await api.everywhere(getAgentSelf, {}, { token: key.token }), ['401 credential_revoked'])
}

/** Goal S8: requests never stop coming on every gateway, and none that starts after the answer gets a value. */
export async function revocationUnderLoad(t: Test, world: World): Promise<void> {
  const { api } = world
  const setting = await newSetting(world, 'Revocation')
  const clients = 12
  const ends = [
    async (runId: string) => {
      const params = { companyId: setting.companyId, runId }
      await api.ok(finishRun, { params, body: { status: 'cancelled' } })
    },
    async () => {
      await api.ok(pauseAgent, { params: { id: setting.agentId } })
    }
  ]
  for (const end of ends) {
    const { run, token } = await open(world, setting)
    let acknowledgedAt = Number.POSITIVE_INFINITY
    let values = 0
    const late: string[] = []
    const working = Array.from({ length: clients }, async () => {
      for (;;) {
        const startedAt = performance.now()
        const { status, code } = await api.send(resolveRunEnvironment, {}, { token })
        if (status === 200) values += 1
        if (status === 200 && startedAt > acknowledgedAt) late.push('a value')
        if (status !== 200 && code !== 'run_closed') late.push(`${status} ${code}`)
        if (startedAt > acknowledgedAt) return
      }
    })
    await eventually(() => {
      if (values < clients) throw new Error('the clients have hardly begun')
    })
    await end(run.id)
    acknowledgedAt = performance.now()
    await Promise.all(working)
    t.same(late, [], `${values} values before`)
    t.same(await api.everywhere(resolveRunEnvironment, {}, { token }), closed)
  }
}

/** A lease is moved by renewals, and ends its run for good. */
export async function leases(t: Test, world: World): Promise<void> {
  const { api, admin } = world
  const setting = await newSetting(world, 'Leases')
  const { companyId } = setting
  const { run, token } = await open(world, setting, { leaseSeconds: 15 })
  const params = { companyId, runId: run.id }
  await admin.query(`update gateway.runs set lease_expires_at = now() + interval '1 minute' where id = $1`, [
    run.id
  ])
  const renewed = await api.ok(renewRun, { params, body: {} }, { token })
  t.equal(renewed.token, undefined, 'a lease that moves needs no new token')
  t.ok(Date.parse(renewed.run.leaseExpiresAt ?? '') > Date.parse(run.startedAt))
  t.equal(await resolveOne(world, token, 'KEY'), setting.value)
  const longer = await api.ok(renewRun, { params, body: { ttlSeconds: 7_200 } }, { token })
  t.ok(Date.parse(longer.expiresAt) > Date.parse(run.expiresAt))
  t.equal(await resolveOne(world, longer.token ?? '', 'KEY'), setting.value)
  await admin.query(`update gateway.runs set lease_expires_at = now() where id = $1`, [run.id])
  for (const each of [token, longer.token ?? '']) {
    t.same(await api.everywhere(resolveRunEnvironment, {}, { token: each }), closed)
    t.same(await api.everywhere(renewRun, { params, body: {} }, { token: each }), closed)
  }
  await eventually(async () => {
    const [first] = await api.ok(listRuns, { params: { companyId } })
    if (first?.status !== 'expired') throw new Error('the run is not recorded as expired')
  })
}

/** Behaviour 16, and what the deletion of an agent leaves. */
export async function deletions(t: Test, world: World): Promise<void> {
  const { api } = world
  const setting = await newSetting(world, 'Deletions')
  const { companyId, agentId, secretId, secretKey, value } = setting
  const params = { id: secretId }
  const body = { name: 'other', env: { A: `$secret:${secretKey}`, B: `$secret:${secretKey}@1` } }
  const other = await api.ok(createAgent, { params: { companyId }, body })
  const { token } = await open(world, setting)
  t.equal(await resolveOne(world, token, 'KEY'), value)
  const usage = async () =>
    (await api.ok(getSecretUsage, { params })).bindings
      .map(({ configPath, target }) => `${configPath} ${target.label} ${target.status}`)
      .sort()
  t.same(await usage(), ['env.A other active', 'env.B other active', 'env.KEY agent active'])
  t.same(await api.everywhere(deleteSecret, { params }), ['409 in_use'])
  await api.ok(deleteAgent, { params: { id: other.id } })
  t.same(
    (await usage()).filter((line) => !line.endsWith('deleted')),
    ['env.KEY agent active'],
    'nothing of a deleted agent is in use'
  )
  await eventually(async () => {
    if ((await usage()).length !== 1) throw new Error('the environment of the deleted agent is still there')
  })
  t.same(await api.everywhere(deleteSecret, { params }), ['409 in_use'])
  t.same(await api.ok(deleteSecret, { params, query: { force: true } }), { ok: true, remote: 'none' })
  const refused = await api.send(resolveRunEnvironment, {}, { token })
  t.match(refused, { status: 422, code: 'secret_deleted', problem: { errors: [{ pointer: 'env.KEY' }] } })
  t.same(await api.everywhere(deleteSecret, { params }), ['404 secret_not_found'])
  const events = await api.ok(listSecretAccessEvents, { params })
  t.match(
    events.map(({ outcome }) => outcome),
    ['failure', 'success']
  )
  await unusedSecret(t, world, { companyId, agentId })
}

async function unusedSecret(
  t: Test,
  { api, canaries }: World,
  { companyId, agentId }: { companyId: string; agentId: string }
): Promise<void> {
  const params = { companyId }
  const value = makeCanary(canaries, 'a secret of a deleted agent')
  await api.ok(deleteAgent, { params: { id: agentId } })
  const free = await api.ok(createSecret, { params, body: { name: 'Key', value } })
  t.equal(free.latestVersion, 1, 'name and key are free again')
  const env = { KEY: `$secret:${free.key}` }
  const last = await api.ok(createAgent, { params, body: { name: 'last', env } })
  await api.ok(deleteAgent, { params: { id: last.id } })
  const deleted = await api.send(deleteSecret, { params: { id: free.id } })
  t.equal(deleted.status, 200, 'a deleted agent keeps no secret from being deleted')
}

/** Behaviours 5 and 24, the writers at different processes. */
export async function races(t: Test, world: World): Promise<void> {
  const { api, canaries } = world
  const { companyId } = await newSetting(world, 'Races')
  const params = { companyId }
  const writers = 8
  const outcomes = (all: { status: number; code: string }[]) =>
    all.map(({ status, code }) => `${status} ${code}`.trim()).sort()
  const value = makeCanary(canaries, 'a value of many writers')
  const creates = await Promise.all(
    Array.from({ length: writers }, () => api.send(createSecret, { params, body: { name: 'One', value } }))
  )
  const lost = creates.filter(({ status }) => status !== 201)
  t.equal(creates.length - lost.length, 1)
  t.same([...new Set(outcomes(lost).map((line) => line.replace('key_', 'name_')))], ['409 name_taken'])
  const id = creates.find(({ status }) => status === 201)?.body.id ?? ''
  const body = { value, expectedLatestVersion: 1 }
  const expecting = await Promise.all(
    Array.from({ length: writers }, () => api.send(rotateSecret, { params: { id }, body }))
  )
  t.same(outcomes(expecting), ['200', ...Array(writers - 1).fill('409 version_conflict')])
  const free = await Promise.all(
    Array.from({ length: writers }, () => api.send(rotateSecret, { params: { id }, body: { value } }))
  )
  t.same(outcomes(free), Array(writers).fill('200'))
  const given = free.map(({ body }) => body.latestVersion).sort((a, b) => a - b)
  t.same(
    given,
    Array.from({ length: writers }, (_, index) => index + 3),
    'gapless'
  )
  const versions = await api.ok(listSecretVersions, { params: { id } })
  t.equal(versions.filter(({ status }) => status === 'current').length, 1)
  t.equal(versions.length, writers + 2)
}
