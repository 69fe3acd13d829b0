import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import type { HasTeardown } from './e2e-installation.js'

const names = ['chromium', 'chromium-browser', 'google-chrome']

/** Finds a browser of this machine: the one that `CHROMIUM_PATH` names, else one on the path. */
export function findChromium(): string | undefined {
  const { CHROMIUM_PATH: named, PATH = '' } = process.env
  if (named) return named
  return PATH.split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** One browser, and what its pages complained about. */
export interface TestBrowser {
  /** Somebody with a cookie jar of their own. */
  person(): Promise<Page>
  /** What a page's own code, or its policy, refused; never what a request answered. */
  complaints: string[]
}

/** Starts one. It goes with the test. */
export async function startChromium(t: HasTeardown, executablePath: string): Promise<TestBrowser> {
  const isRoot = process.getuid?.() === 0
  const browser: Browser = await chromium.launch({
    executablePath,
    args: isRoot ? ['--no-sandbox'] : []
  })
  t.teardown(() => browser.close())
  const complaints: string[] = []
  return {
    complaints,
    async person() {
      const context: BrowserContext = await browser.newContext()
      const page = await context.newPage()
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('console', (message) => {
        if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text())
      })
      return page
    }
  }
}

/** Calls the API from inside a page, as its own modules do. */
export async function fetchFrom(
  page: Page,
  method: string,
  path: string,
  body?: object
): Promise<{ status: number; json: Record<string, string> }> {
  return await page.evaluate(
    async ({ method, path, body }) => {
      const reply = await fetch(path, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
      })
      return { status: reply.status, json: (await reply.json()) as Record<string, string> }
    },
    { method, path, body }
  )
}
