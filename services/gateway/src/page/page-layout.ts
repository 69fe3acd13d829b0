import { type Html, html } from './html.js'

/** One page: its title, what stands in it, and the module that makes it work. */
export interface Page {
  title: string
  body: Html
  /** A file of the browser folder; a page without one only reads. */
  module?: string
  /** Pages to read are wider than pages with a form. */
  wide?: boolean
}

/** Writes a whole page. Everything it loads comes from this gateway: no inline script or style. */
export function layout({ title, body, module, wide }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Paperclip</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/page.css">
${module === undefined ? [] : html`<script type="module" src="/assets/${module}"></script>`}
</head>
<body${wide ? html` class="wide"` : []}>
<a class="skip" href="#main">Skip to the content</a>
<header><a href="/">Paperclip</a></header>
<main id="main" tabindex="-1">
<h1>${title}</h1>
${module === undefined ? [] : messages}
${body}
</main>
</body>
</html>
`.text
}

/** Where the module says what went wrong and what was done; both are read out. */
const messages = html`<p id="problem" class="problem" role="alert" hidden></p>
<p id="notice" class="notice" role="status" hidden></p>
<noscript><p class="problem">This page needs JavaScript.</p></noscript>`
