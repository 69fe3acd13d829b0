import type { InviteAccepted, InviteOffer } from '@paperclip/contracts'
import { needAccount } from './account.js'
import { takeFromPath } from './address-secrets.js'
import { call } from './api-call.js'
import { attempt, onSubmit, sayDone, sayProblem, show, write, writeTime } from './page-parts.js'

const { token } = takeFromPath()
const path = `/api/invites/${encodeURIComponent(token ?? '')}`

onSubmit('accept', async () => {
  const { role } = await call<InviteAccepted>('POST', `${path}/accept`)
  show('offer', false)
  show('done')
  sayDone(`You are in, as ${role}.`)
})

await attempt(async () => {
  if (token === null) return sayProblem('Open the whole address of the invite.')
  const offer = await call<InviteOffer>('GET', path)
  write('company', offer.companyName)
  write('role', offer.role)
  writeTime('expires', offer.expiresAt)
  show('offer')
  await needAccount((isIn) => show('accept', isIn), token)
})
