import { newId } from '@paperclip/contracts'
import type { Teardown, TestDatabase } from '@paperclip/testing'
import type { Emulator } from '../emulator/emulator.js'
import { startSecretsWithAws } from './aws-app.js'
import { type Answer, operator, type SecretsApp } from './secrets-app.js'
import { createVault } from './vaults.js'

/** What no reply, log or record may hold. */
export const canary = 'never-seen-4711'

export const provider = 'aws_secrets_manager'

/** A candidate, a result, or any other row of a reply. */
export type ImportRow = Answer['body']

/** A company, and a vault of its own that leads to the account. */
export interface ImportTarget {
  readonly companyId: string
  readonly providerConfigId: string
}

/** Two processes of the service over one database, the account that vaults lead to, and what is asked of them. */
export interface ImportScene {
  readonly app: SecretsApp
  readonly replica: SecretsApp
  readonly emulator: Emulator
  newPlace(): Promise<ImportTarget>
  preview(companyId: string, body: object, at?: SecretsApp): Promise<Answer>
  commit(companyId: string, body: object, at?: SecretsApp): Promise<Answer>
  /** Every candidate of a search, page by page, the cursor handed back as it came. */
  walk(companyId: string, body: object): Promise<ImportRow[]>
  /** Makes a remote secret and gives its ARN. */
  remote(name: string, more?: object): string
  secretsOf(companyId: string): Promise<ImportRow[]>
}

/** Sets the scene; all of it ends with the test. */
export async function importScene(t: Teardown, database: TestDatabase): Promise<ImportScene> {
  const { app, emulator } = await startSecretsWithAws(t, database)
  const { app: replica } = await startSecretsWithAws(t, database, { emulator })
  const pathOf = (companyId: string) => `/companies/${companyId}/secrets/remote-import`
  const preview: ImportScene['preview'] = (companyId, body, at = app) =>
    at.send(operator(), 'POST', `${pathOf(companyId)}/preview`, body)
  return {
    app,
    replica,
    emulator,
    preview,
    commit: (companyId, body, at = app) => at.send(operator(), 'POST', pathOf(companyId), body),
    async newPlace() {
      const companyId = newId()
      const { id } = await createVault(app, companyId, { provider, config: { region: emulator.region } })
      return { companyId, providerConfigId: id }
    },
    async walk(companyId, body) {
      const rows: ImportRow[] = []
      for (let nextToken: string | null = null; ; ) {
        const answer: Answer = await preview(companyId, { ...body, nextToken })
        if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`)
        rows.push(...answer.body.candidates)
        nextToken = answer.body.nextToken
        if (nextToken === null) return rows
      }
    },
    remote(name, more = {}) {
      const value = { ClientRequestToken: newId(), SecretString: `${canary}-value` }
      emulator.seed({ Name: name, ...value, ...more })
      const arn = emulator.account.secrets.get(name)?.arn
      if (arn === undefined) throw new Error('it was not made')
      return arn
    },
    secretsOf: async (companyId) =>
      (await app.send(operator(), 'GET', `/companies/${companyId}/secrets?limit=500`)).body
  }
}
