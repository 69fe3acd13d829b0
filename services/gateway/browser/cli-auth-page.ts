import type { CliChallengeView, CompanyView } from '@paperclip/contracts'
import { needAccount } from './account.js'
import { takeQuery } from './address-secrets.js'
import { call } from './api-call.js'
import { attempt, onSubmit, sayDone, sayProblem, show, write, writeTime } from './page-parts.js'

const token = takeQuery().get('token') ?? ''
const path = `/api/cli-auth/challenges/${encodeURIComponent(location.pathname.split('/')[2] ?? '')}`

const states = {
  approved: 'Approved. Go back to your terminal.',
  cancelled: 'Cancelled. The command line gets nothing.',
  expired: 'This request has expired. Start the command again.'
} as const

/** Says how it ended; nothing is left to decide. */
function end(status: keyof typeof states): void {
  show('request', false)
  if (status === 'expired') sayProblem(states.expired)
  else sayDone(states[status])
}

async function nameCompany(id: string): Promise<void> {
  // Who may not enter it sees its id.
  const company = await call<CompanyView>('GET', `/api/companies/${id}`).catch(() => null)
  write('company', company?.name ?? id)
}

onSubmit('decide', async (fields) => {
  const decision = fields.get('decision') === 'approve' ? 'approve' : 'cancel'
  const { status } = await call<CliChallengeView>('POST', `${path}/${decision}`, { token })
  if (status !== 'pending') end(status)
})

await attempt(async () => {
  if (token === '') return sayProblem('Open the whole address that the command line shows.')
  const asked = await call<CliChallengeView>('GET', `${path}?token=${encodeURIComponent(token)}`)
  if (asked.status !== 'pending') return end(asked.status)
  write('command', asked.command)
  write('client', asked.clientName ?? 'not named')
  write(
    'access',
    asked.requestedAccess === 'board'
      ? 'what you may do in companies'
      : 'what you may do in companies, and administration of the instance'
  )
  write('company', asked.requestedCompanyId ?? 'all of yours')
  writeTime('expires', asked.expiresAt)
  show('request')
  const { requestedCompanyId } = asked
  await needAccount((isIn) => {
    show('decide', isIn)
    if (isIn && requestedCompanyId !== null) void nameCompany(requestedCompanyId)
  })
})
