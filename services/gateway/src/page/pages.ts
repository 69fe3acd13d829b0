import { accountSection, signInForm, signUpForm } from './account-html.js'
import { html } from './html.js'
import type { Page } from './page-layout.js'

/** Who is signed in, and where one can go from here. */
export const homePage: Page = {
  title: 'Your account',
  module: 'home-page.js',
  body: html`<dl>
<dt>Signed in as</dt><dd id="who">…</dd>
<dt>Instance admin</dt><dd id="admin">…</dd>
</dl>
<section aria-labelledby="companies-title">
<h2 id="companies-title">Companies</h2>
<ul id="companies"></ul>
<p id="no-companies" hidden>You are in no company yet. An invite brings you into one.</p>
<p id="first-company" hidden>There is no company yet. On the command line <code>paperclipai auth login --admin</code> lets you in, and <code>paperclipai company create</code> makes one.</p>
</section>
<nav aria-label="More"><a href="/api/docs">The API</a></nav>
<p><button id="sign-out" type="button" class="plain">Sign out</button></p>`
}

export const signInPage: Page = {
  title: 'Sign in',
  module: 'sign-in-page.js',
  body: html`${signInForm}
<p id="pending" hidden>Nobody has claimed this instance yet. Open the claim address that its log shows at start.</p>
<p><a id="other" href="/sign-up">Create an account</a></p>`
}

export const signUpPage: Page = {
  title: 'Create an account',
  module: 'sign-up-page.js',
  body: html`<p id="closed" hidden>An account needs an invite. Ask an admin of your company for one.</p>
${signUpForm}
<p><a id="other" href="/sign-in">I have an account</a></p>`
}

/** The first admin: the token and code of the start-up log, an account, one button. */
export const claimPage: Page = {
  title: 'Claim this instance',
  module: 'claim-page.js',
  body: html`<div id="offer" hidden>
<p>Whoever claims this instance becomes its admin, and the owner of the companies there are. It works once, until <time id="expires"></time>.</p>
${accountSection({ withSignUp: true })}
<form id="claim" method="post" hidden><button type="submit" disabled>Claim this instance</button></form>
</div>
<p id="done" hidden><a href="/">Go on to your account</a></p>`
}

/**
 * A command line that asks to act for a person. `confirmationCode` also stands in the terminal that asked: what
 * came from somebody else's terminal shows another.
 */
export const cliAuthPage = (confirmationCode: string | null): Page => ({
  title: 'Let a command line in?',
  module: 'cli-auth-page.js',
  body: html`<div id="request" hidden>
<p>A command line asks to act for you. Approve it only if you started it yourself just now, and it shows the same code.</p>
<p class="code"><span>Code</span> <output id="code">${confirmationCode ?? ''}</output></p>
<dl>
<dt>Command</dt><dd><code id="command"></code></dd>
<dt>Program</dt><dd id="client"></dd>
<dt>Access</dt><dd id="access"></dd>
<dt>Company</dt><dd id="company"></dd>
<dt>Open until</dt><dd><time id="expires"></time></dd>
</dl>
${accountSection({ withSignUp: false })}
<form id="decide" method="post" hidden>
<button type="submit" name="decision" value="approve" disabled>Approve</button>
<button type="submit" name="decision" value="cancel" class="plain" disabled>Cancel</button>
</form>
</div>`
})

/** What an invite offers, an account, one button. */
export const invitePage: Page = {
  title: 'You are invited',
  module: 'invite-page.js',
  body: html`<div id="offer" hidden>
<p>Join <strong id="company"></strong> as <strong id="role"></strong>. The invite is open until <time id="expires"></time>.</p>
${accountSection({ withSignUp: true })}
<form id="accept" method="post" hidden><button type="submit" disabled>Accept the invite</button></form>
</div>
<p id="done" hidden><a href="/">Go on to your account</a></p>`
}
