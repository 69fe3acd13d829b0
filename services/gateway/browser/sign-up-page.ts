import type { Health } from '@paperclip/contracts'
import { onSignUp } from './account.js'
import { takeQuery } from './address-secrets.js'
import { call } from './api-call.js'
import { ownPath } from './own-path.js'
import { attempt, part, show } from './page-parts.js'

const query = takeQuery()
const invite = query.get('invite')
const next = ownPath(query.get('next'), location.origin)

part('other').setAttribute('href', `/sign-in?next=${encodeURIComponent(next)}`)
onSignUp(async () => location.replace(next), invite)

await attempt(async () => {
  if (invite !== null) return
  const { bootstrapStatus } = await call<Health>('GET', '/api/health')
  const isClosed = bootstrapStatus === 'ready'
  show('closed', isClosed)
  show('sign-up', !isClosed)
})
