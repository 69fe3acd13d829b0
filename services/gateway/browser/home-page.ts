import type { CliMe, CompanyView } from '@paperclip/contracts'
import { nameOf, signOut, whoIsIn } from './account.js'
import { call } from './api-call.js'
import { attempt, onPress, part, show, write } from './page-parts.js'

/** As many as are worth reading here. */
const companiesMax = 100

onPress('sign-out', async () => {
  await signOut()
  location.replace('/sign-in')
})

await attempt(async () => {
  const user = await whoIsIn()
  if (user === null) {
    location.replace('/sign-in')
    return
  }
  write('who', nameOf(user))
  const me = await call<CliMe>('GET', '/api/cli-auth/me')
  write('admin', me.isInstanceAdmin ? 'yes' : 'no')
  const roles = new Map(me.memberships.map(({ companyId, role }) => [companyId, role]))
  const companies = await call<CompanyView[]>('GET', `/api/companies?limit=${companiesMax}`)
  part('companies').replaceChildren(
    ...companies.map(({ id, name }) => {
      const item = document.createElement('li')
      item.textContent = `${name} (${roles.get(id) ?? 'instance admin'})`
      return item
    })
  )
  // An admin of the instance is shown every company there is.
  show('first-company', companies.length === 0 && me.isInstanceAdmin)
  show('no-companies', companies.length === 0 && !me.isInstanceAdmin)
})
