import type { AwsCall } from './aws-call.js'
import { AwsError } from './aws-error.js'
import { arnCharactersMax, cursorCharactersMax, listReplyBytesMax, nameCharactersMax } from './aws-limits.js'
import { AwsReplyReader } from './aws-reply.js'

/** What the inventory may tell of a secret. Description, tags and key stay behind: only that there are some is told. */
export interface AwsReference {
  readonly arn: string
  readonly name: string
  readonly createdDate: Date | null
  readonly lastChangedDate: Date | null
  readonly hasDescription: boolean
  readonly hasKmsKey: boolean
  readonly tagCount: number
}

/** The inventory of an account and region. It lists, and can do nothing else. */
export interface AwsReferences {
  /**
   * One page, in the order of AWS, which may be behind by minutes. `nextToken` is handed back unchanged; one that does
   * not fit is `rejected` with `InvalidNextTokenException`. A query AWS could not take is `rejected` without a call.
   */
  listSecrets(page: {
    readonly query: string | null
    readonly nextToken: string | null
    readonly pageSize: number
  }): Promise<{ readonly references: readonly AwsReference[]; readonly nextToken: string | null }>
}

/** The most that AWS lists at once. */
export const referencesPerPageMax = 100

const operation = 'ListSecrets'
const queryShape = /^[a-zA-Z0-9 :_@/+=.\-!]{1,512}$/
const tagsMax = 100

/** Whether AWS can search for a text. */
export function isListQuery(text: string): boolean {
  return queryShape.test(text)
}

/** Takes a caller of `ListSecrets` alone: an import preview made of this has no way to a value. */
export function createAwsReferences(call: AwsCall<typeof operation>): AwsReferences {
  return {
    async listSecrets({ query, nextToken, pageSize }) {
      if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > referencesPerPageMax)
        throw new RangeError(`A page has 1 to ${referencesPerPageMax} references.`)
      if (query !== null && !isListQuery(query)) throw rejected()
      if (nextToken !== null && (nextToken === '' || nextToken.length > cursorCharactersMax)) throw rejected()
      const reply = await call({
        operation,
        input: {
          MaxResults: pageSize,
          ...(query === null ? {} : { Filters: [{ Key: 'all', Values: [query] }] }),
          ...(nextToken === null ? {} : { NextToken: nextToken })
        },
        idempotent: true,
        permissions: ['secretsmanager:ListSecrets'],
        replyBytesMax: listReplyBytesMax
      })
      const reader = new AwsReplyReader(operation, reply)
      const entries = reader.list('SecretList', { entriesMax: referencesPerPageMax })
      return {
        references: entries.filter((entry) => !entry.has('DeletedDate')).map(toReference),
        nextToken: reader.optionalText('NextToken', { charactersMax: cursorCharactersMax })
      }
    }
  }
}

function toReference(entry: AwsReplyReader): AwsReference {
  return {
    arn: entry.text('ARN', { charactersMax: arnCharactersMax }),
    name: entry.text('Name', { charactersMax: nameCharactersMax }),
    createdDate: entry.date('CreatedDate'),
    lastChangedDate: entry.date('LastChangedDate'),
    hasDescription: entry.has('Description'),
    hasKmsKey: entry.has('KmsKeyId'),
    tagCount: entry.list('Tags', { entriesMax: tagsMax }).length
  }
}

function rejected(): AwsError {
  return new AwsError({ operation, kind: 'rejected' })
}
