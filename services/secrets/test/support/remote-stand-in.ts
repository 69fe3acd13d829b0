import { ProviderError, type RemoteStorage } from '../../src/provider/remote-storage.js'
import type { SecretsApp } from './secrets-app.js'

/** A remote account in memory, as far as deletions need one. */
export interface RemoteStandIn {
  readonly storage: RemoteStorage
  /** Full names whose deletion was asked for, in order. */
  readonly asked: string[]
  /** When a secret that is marked goes. */
  readonly dueAt: Date
  /** Runs within each deletion, before it has its effect; what it throws is the answer. */
  meanwhile: (externalRef: string) => Promise<void>
  /** Runs once, before the next value is written. */
  whileWriting: () => Promise<void>
  reset(): void
  isMarked(externalRef: string): boolean
  /** What of a company is there to stay. */
  unmarkedOf(companyId: string): string[]
  nameOf(companyId: string, key: string): string
}

/** Makes an empty account. Places are told apart by the vault. */
export function createRemoteStandIn(): RemoteStandIn {
  const secrets = new Map<string, { companyId: string; marked: boolean }>()
  const nameOf = (companyId: string, key: string) => `remote/${companyId}/${key}`
  const standIn: RemoteStandIn = {
    asked: [],
    dueAt: new Date('2099-01-01T00:00:00.000Z'),
    meanwhile: async () => {},
    whileWriting: async () => {},
    reset() {
      this.asked.length = 0
      this.meanwhile = async () => {}
      this.whileWriting = async () => {}
    },
    isMarked: (externalRef) => secrets.get(externalRef)?.marked === true,
    unmarkedOf: (companyId) =>
      [...secrets].flatMap(([ref, secret]) =>
        secret.companyId === companyId && !secret.marked ? [ref] : []
      ),
    nameOf,
    storage: {
      kind: 'remote',
      nameOf: ({ companyId, key }) => nameOf(companyId, key),
      nameIn: (externalRef) => externalRef.slice(externalRef.lastIndexOf(':') + 1),
      isIn: (externalRef, vault) => externalRef.startsWith(`standin:${vault?.id ?? 'deployment'}:`),
      isShared: () => false,
      async create({ companyId, name, vault }) {
        await writing()
        const externalRef = `standin:${vault?.id ?? 'deployment'}:${name}`
        if (secrets.get(externalRef)?.marked)
          throw new ProviderError('provider_name_reserved', { mayHaveActed: false })
        secrets.set(externalRef, { companyId, marked: false })
        return { externalRef, tagged: true }
      },
      put: () => writing(),
      find: async () => null,
      async delete({ externalRef }) {
        standIn.asked.push(externalRef)
        await standIn.meanwhile(externalRef)
        const secret = secrets.get(externalRef)
        if (secret !== undefined) secret.marked = true
        return { deletionDate: standIn.dueAt }
      },
      async restore({ externalRef }) {
        const secret = secrets.get(externalRef)
        if (secret !== undefined) secret.marked = false
      },
      findDeletionDate: async () => null
    }
  }
  async function writing(): Promise<void> {
    const { whileWriting } = standIn
    standIn.whileWriting = async () => {}
    await whileWriting()
  }
  return standIn
}

/** Has a service keep the values of AWS in an account in memory. */
export function useStandIn(app: SecretsApp, { storage }: RemoteStandIn): void {
  const { providers } = app.deps
  const { find } = providers
  providers.find = (id) =>
    id !== 'aws_secrets_manager'
      ? find.call(providers, id)
      : {
          descriptor: {
            id,
            label: 'Stand-in',
            supportsManagedValues: true,
            supportsExternalReferences: true
          },
          storage,
          checkReference: async (reference) => reference,
          readVersion: () => Buffer.from('value'),
          async checkHealth() {}
        }
}
