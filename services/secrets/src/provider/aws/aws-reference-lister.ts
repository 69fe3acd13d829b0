import { AppError } from '@paperclip/server'
import type { ReferenceLister } from '../reference-lister.js'
import type { AwsClients } from './aws-clients.js'
import { AwsError } from './aws-error.js'
import { placeOf } from './aws-place.js'
import { problemOfAws } from './aws-problem.js'
import { isListQuery } from './aws-references.js'
import type { AwsSettings } from './aws-settings.js'

interface ListerParts {
  readonly settings: AwsSettings
  readonly clients: AwsClients
}

/** Lists what lies in the region of a config: one `ListSecrets` a page. */
export function createAwsReferenceLister({ settings, clients }: ListerParts): ReferenceLister {
  return {
    async listReferences({ config, query, nextToken, pageSize }) {
      const { references: client } = clients.of(placeOf(settings, config).region)
      if (query !== null && !isListQuery(query))
        throw invalid('/query', 'AWS searches for letters, digits, spaces and :_@/+=.-! only')
      try {
        const page = await client.listSecrets({ query, nextToken, pageSize })
        return {
          references: page.references.map(({ arn, name, ...facts }) => ({
            ...facts,
            externalRef: arn,
            remoteName: name
          })),
          nextToken: page.nextToken
        }
      } catch (error) {
        // The rest of the request is checked before it is sent, so the cursor is what AWS does not take.
        if (error instanceof AwsError && error.kind === 'rejected' && nextToken !== null)
          throw invalid('/nextToken', 'belongs to another search, or is too old: refresh the preview')
        throw problemOfAws(error)
      }
    }
  }
}

function invalid(pointer: string, message: string): AppError {
  const member = pointer.slice(1)
  return new AppError('invalid_request', { detail: `${member} ${message}.`, errors: [{ pointer, message }] })
}
