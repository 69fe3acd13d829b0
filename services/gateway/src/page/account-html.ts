import { limits } from '@paperclip/contracts'
import { type Html, html } from './html.js'

const { passwordCharsMin, passwordCharsMax } = limits

/** The form of somebody who has an account. Posts to nowhere: without its module nothing is sent, nor in an address. */
export const signInForm: Html = html`<form id="sign-in" method="post">
<label>E-mail <input name="email" type="email" autocomplete="username" maxlength="320" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" maxlength="${passwordCharsMax}" required></label>
<button type="submit" disabled>Sign in</button>
</form>`

/** The form of somebody new. */
export const signUpForm: Html = html`<form id="sign-up" method="post">
<label>Name <input name="name" autocomplete="name" maxlength="120" required></label>
<label>E-mail <input name="email" type="email" autocomplete="username" maxlength="320" required></label>
<label>Password <small>(${passwordCharsMin} characters or more)</small> <input name="password" type="password" autocomplete="new-password" minlength="${passwordCharsMin}" maxlength="${passwordCharsMax}" required></label>
<button type="submit" disabled>Create the account</button>
</form>`

/** For pages that need an account before they can go on: says who is signed in, or lets one sign in or up. */
export function accountSection({ withSignUp }: { withSignUp: boolean }): Html {
  return html`<section id="signed-in" hidden>
<p>You are signed in as <strong id="who"></strong>.</p>
<p><button id="sign-out" type="button" class="plain">Use another account</button></p>
</section>
<div id="account" hidden>
${
  withSignUp
    ? html`<section aria-labelledby="sign-up-title">
<h2 id="sign-up-title">Create an account</h2>
${signUpForm}
</section>`
    : []
}
<section aria-labelledby="sign-in-title">
<h2 id="sign-in-title">Sign in</h2>
${signInForm}
</section>
</div>`
}
