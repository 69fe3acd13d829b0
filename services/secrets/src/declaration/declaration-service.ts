import {
  type DeclaredEnvironments,
  isSensitive,
  limits,
  type VariableDeclaration
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { type DeclarableRow, listDeclarable } from './declaration-store.js'

/** What the environments of a company need elsewhere. */
export interface DeclarationService {
  /** Throws `export_too_large` beyond what a manifest may hold. */
  list(companyId: string): Promise<DeclaredEnvironments>
}

/** Environments read at once: their plain values may have 256 KiB each. */
const chunkRows = 50

/**
 * Makes the service. A declaration cannot leak what it never had: sealed values, references and ids of secrets are not
 * read. A name that is not among the values in the open is a secret's, and so is one the matcher knows by now.
 */
export function createDeclarationService(db: Db<SecretsDatabase>): DeclarationService {
  return {
    async list(companyId) {
      const environments: DeclaredEnvironments['environments'] = []
      let bytes = 0
      for (let last: DeclarableRow | undefined; ; ) {
        const after = last === undefined ? null : { targetType: last.target_type, targetId: last.target_id }
        const rows = await listDeclarable(db, companyId, { after, rowsMax: chunkRows })
        for (const row of rows) {
          const env = declare(row)
          bytes += Buffer.byteLength(JSON.stringify(env))
          environments.push({ targetType: row.target_type, targetId: row.target_id, env })
        }
        if (bytes > limits.manifestBodyBytesMax || environments.length > 2 * limits.manifestTargetsMax)
          throw new AppError('export_too_large', {
            detail: `What the environments declare exceeds ${limits.manifestBodyBytesMax} bytes, or ${limits.manifestTargetsMax} agents or projects.`
          })
        last = rows.at(-1)
        if (rows.length < chunkRows) return { environments }
      }
    }
  }
}

function declare({ names, plain }: DeclarableRow): Record<string, VariableDeclaration> {
  const values = new Map<string, string>(Object.entries(JSON.parse(plain)))
  return Object.fromEntries(names.map((name) => [name, declarationOf(name, values.get(name))]))
}

function declarationOf(name: string, value: string | undefined): VariableDeclaration {
  if (value === undefined || isSensitive(name, value)) return { kind: 'secret', required: true }
  return { kind: 'plain', required: false, value }
}
