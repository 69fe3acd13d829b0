import { AppError } from '@paperclip/server'
import type { SecretProvider } from '../../src/provider/provider.js'
import type { SecretsApp } from './secrets-app.js'

/** A provider whose reads hang until the test answers them, by the reference they are for. */
export interface HeldProvider {
  /** References asked for and not yet answered. */
  readonly asked: string[]
  /** What is given for a reference without waiting for the test. */
  readonly answers: Map<string, string | Error>
  /** Answers the reads of one reference. */
  answer(externalRef: string, outcome: string | Error): void
}

const id = 'aws_secrets_manager'

/** The body of a secret that lies there. */
export function heldSecret(name: string, externalRef = name): Record<string, string> {
  return { name, provider: id, managedMode: 'external_reference', externalRef }
}

/** Puts it in the place of the provider at AWS. */
export function holdProvider(app: SecretsApp): HeldProvider {
  const waiting: { externalRef: string; settle: (outcome: string | Error) => void }[] = []
  const answers = new Map<string, string | Error>()
  const provider: SecretProvider = {
    descriptor: { id, label: 'Held', supportsManagedValues: false, supportsExternalReferences: true },
    storage: {
      kind: 'sealed',
      async seal() {
        throw new AppError('provider_unsupported')
      }
    },
    checkReference: async (reference) => reference,
    readVersion: (_, { externalRef }) =>
      new Promise((resolve, reject) => {
        const settle = (outcome: string | Error) =>
          outcome instanceof Error ? reject(outcome) : resolve(Buffer.from(outcome))
        const known = answers.get(externalRef ?? '')
        if (known !== undefined) settle(known)
        else waiting.push({ externalRef: externalRef ?? '', settle })
      }),
    async checkHealth() {}
  }
  const { find } = app.deps.providers
  app.deps.providers.find = (wanted) => (wanted === id ? provider : find(wanted))
  return {
    get asked() {
      return waiting.map(({ externalRef }) => externalRef)
    },
    answers,
    answer(externalRef, outcome) {
      for (let index = waiting.length - 1; index >= 0; index--)
        if (waiting[index]?.externalRef === externalRef) waiting.splice(index, 1)[0]?.settle(outcome)
    }
  }
}
