import type { SignedIn } from '@paperclip/contracts'
import { call } from './api-call.js'
import { onPress, onSubmit, show, write } from './page-parts.js'

/** Asks who is signed in, by the cookie; null: nobody. */
export async function whoIsIn(): Promise<SignedIn['user'] | null> {
  const signedIn = await call<SignedIn | null>('GET', '/api/auth/get-session')
  return signedIn?.user ?? null
}

/** How a person is called on the page. */
export function nameOf({ name, email }: SignedIn['user']): string {
  return `${name} (${email})`
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
