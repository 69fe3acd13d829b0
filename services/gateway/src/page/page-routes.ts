import { confirmationCode, isUuid } from '@paperclip/contracts'
import type { Server } from '@paperclip/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { pageHelmet } from '../response-headers.js'
import { anyone } from './page-access.js'
import { layout, type Page } from './page-layout.js'
import { claimPage, cliAuthPage, homePage, invitePage, signInPage, signUpPage } from './pages.js'

type PageHandler = (request: FastifyRequest, reply: FastifyReply) => Page | FastifyReply

/**
 * The pages of authenticated mode. None of them does anything when it is opened: what has an effect is sent by its
 * module, as JSON, under the browser rule. Tokens in their addresses are neither looked at here nor logged.
 */
export function pageRoutes(app: Server): void {
  const page = (operationId: string, urls: readonly string[], handle: PageHandler) => {
    for (const url of urls)
      app.get(
        url,
        { helmet: pageHelmet, config: { auth: anyone, operationId, noStore: true } },
        (request, reply) => {
          const made = handle(request, reply)
          return 'body' in made ? reply.type('text/html; charset=utf-8').send(layout(made)) : made
        }
      )
  }
  page('homePage', ['/'], ({ actor }, reply) =>
    actor.kind === 'anon' ? reply.redirect('/sign-in', 303) : homePage
  )
  page('signInPage', ['/sign-in'], () => signInPage)
  page('signUpPage', ['/sign-up'], () => signUpPage)
  // Without the token is what the address bar holds once the module has read it.
  page('claimPage', ['/board-claim', '/board-claim/:token'], () => claimPage)
  page('cliAuthPage', ['/cli-auth/:id'], ({ params }) => {
    const { id } = params as { id: string }
    return cliAuthPage(isUuid(id) ? confirmationCode(id) : null)
  })
  page('invitePage', ['/invites', '/invites/:token'], () => invitePage)
}
