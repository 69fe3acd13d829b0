import type { CliMe } from '@paperclip/contracts'
import { CallError, call } from './api-call.js'
import { onPress, onSubmit, show, write } from './page-parts.js'

/** Asks who is signed in; null: nobody. */
export async function whoIsIn(): Promise<CliMe | null> {
  try {
    return await call<CliMe>('GET', '/api/cli-auth/me')
  } catch (error) {
    if (error instanceof CallError && error.status === 401) return null
    throw error
  }
}

/** How a person is called on the page. */
export function nameOf({ user, userId }: CliMe): string {
  return user === null ? userId : `${user.name} (${user.email})`
}

/** Makes the sign-in form work. */
export function onSignIn(then: () => Promise<void>): void {
  onSubmit('sign-in', async (fields) => {
    await call('POST', '/api/auth/sign-in/email', texts(fields, ['email', 'password']))
    await then()
  })
}

/** Makes the sign-up form work; once the instance has an admin, an account needs an invite's token. */
export function onSignUp(then: () => Promise<void>, inviteToken: string | null = null): void {
  onSubmit('sign-up', async (fields) => {
    await call('POST', '/api/auth/sign-up/email', {
      ...texts(fields, ['name', 'email', 'password']),
      ...(inviteToken === null ? {} : { inviteToken })
    })
    await then()
  })
}

export async function signOut(): Promise<void> {
  await call('POST', '/api/auth/sign-out', {})
}

/**
 * For a page that needs an account: shows who is signed in, or the forms, and calls `change` whenever that is known
 * anew.
 */
export async function needAccount(change: (isIn: boolean) => void, inviteToken?: string): Promise<void> {
  const look = async () => {
    const me = await whoIsIn()
    if (me !== null) write('who', nameOf(me))
    show('signed-in', me !== null)
    show('account', me === null)
    change(me !== null)
  }
  onSignIn(look)
  if (document.getElementById('sign-up') !== null) onSignUp(look, inviteToken)
  onPress('sign-out', async () => {
    await signOut()
    await look()
  })
  await look()
}

function texts(fields: FormData, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, String(fields.get(name) ?? '')]))
}
