import type { BoardClaimed, BoardClaimView } from '@paperclip/contracts'
import { needAccount } from './account.js'
import { takeFromPath } from './address-secrets.js'
import { call } from './api-call.js'
import { attempt, onSubmit, sayDone, sayProblem, show, writeTime } from './page-parts.js'

const { token, query } = takeFromPath()
const code = query.get('code') ?? ''
const path = `/api/board-claim/${encodeURIComponent(token ?? '')}`

onSubmit('claim', async () => {
  await call<BoardClaimed>('POST', `${path}/claim`, { code })
  show('offer', false)
  show('done')
  sayDone('This instance is yours: you are its admin.')
})

await attempt(async () => {
  if (token === null || code === '')
    return sayProblem('Open the whole address that the log of the gateway shows at start.')
  const claim = await call<BoardClaimView>('GET', `${path}?code=${encodeURIComponent(code)}`)
  if (claim.status === 'claimed') return sayProblem('Somebody has claimed this instance. Sign in instead.')
  if (claim.status === 'expired')
    return sayProblem('This address has expired. Start the gateway again: its log shows a new one.')
  writeTime('expires', claim.expiresAt)
  show('offer')
  await needAccount((isIn) => show('claim', isIn))
})
