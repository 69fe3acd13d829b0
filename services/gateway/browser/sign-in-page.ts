import type { Health } from '@paperclip/contracts'
import { onSignIn, whoIsIn } from './account.js'
import { takeQuery } from './address-secrets.js'
import { call } from './api-call.js'
import { ownPath } from './own-path.js'
import { attempt, part, show } from './page-parts.js'

const next = ownPath(takeQuery().get('next'), location.origin)
const goOn = async () => location.replace(next)

part('other').setAttribute('href', `/sign-up?next=${encodeURIComponent(next)}`)
onSignIn(goOn)

await attempt(async () => {
  if ((await whoIsIn()) !== null) return await goOn()
  const { bootstrapStatus } = await call<Health>('GET', '/api/health')
  show('pending', bootstrapStatus === 'bootstrap_pending')
})
