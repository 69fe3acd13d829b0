import { type Answer, operator, type SecretsApp, type Sender } from './secrets-app.js'

/** Where the vaults of a company are. */
export function vaultsOf(companyId: string): string {
  return `/companies/${companyId}/secret-provider-configs`
}

/** Tries to add a vault, as the operator unless said otherwise. */
export function tryVault(
  app: SecretsApp,
  companyId: string,
  body: object,
  as: Sender = operator()
): Promise<Answer> {
  return app.send(as, 'POST', vaultsOf(companyId), { displayName: 'A vault', ...body })
}

/** Adds a vault and gives its row. */
export async function createVault(
  app: SecretsApp,
  companyId: string,
  body: object = { provider: 'local_encrypted' }
): Promise<Answer['body']> {
  const answer = await tryVault(app, companyId, body)
  if (answer.status !== 201) throw new Error(`${answer.status} instead of 201: ${answer.text}`)
  return answer.body
}

/** Changes a vault, or tries to. */
export function patchVault(app: SecretsApp, id: string, body: object): Promise<Answer> {
  return app.send(operator(), 'PATCH', `/secret-provider-configs/${id}`, body)
}

/** Every vault of a company, newest first. */
export async function listVaults(app: SecretsApp, companyId: string): Promise<Answer['body'][]> {
  return (await app.send(operator(), 'GET', vaultsOf(companyId))).body
}

/** The activity of a company that is about vaults, newest first, as [action, metadata]. */
export async function vaultActivity(app: SecretsApp, companyId: string): Promise<[string, object][]> {
  const path = `/companies/${companyId}/activity?entityType=secret_provider_config`
  const { body } = await app.send(operator(), 'GET', path)
  return body.map((row: { action: string; metadata: object }) => [row.action, row.metadata])
}
