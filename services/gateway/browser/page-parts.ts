import { CallError } from './api-call.js'

/** Gives an element that the page is known to have. */
export function part(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

/** Writes text into an element; never markup. */
export function write(id: string, text: string): void {
  part(id).textContent = text
}

/** Writes a time into a `time` element, in the reader's own way. */
export function writeTime(id: string, iso: string): void {
  part(id).setAttribute('datetime', iso)
  write(id, new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }))
}

export function show(id: string, isShown = true): void {
  part(id).hidden = !isShown
}

/** Says what went wrong, where it is read out; null takes it back. */
export function sayProblem(text: string | null): void {
  write('problem', text ?? '')
  show('problem', text !== null)
}

/** Says what was done. */
export function sayDone(text: string): void {
  sayProblem(null)
  write('notice', text)
  show('notice')
}

/** Does what a page begins with, or a button stands for, and says it when that fails. */
export async function attempt(work: () => Promise<void>): Promise<void> {
  sayProblem(null)
  try {
    await work()
  } catch (error) {
    sayProblem(error instanceof CallError ? error.message : 'Something failed on this page. Load it again.')
  }
}

/** Makes a form work: its buttons come alive, and rest while `send` runs, so that nothing is sent twice. */
export function onSubmit(id: string, send: (fields: FormData) => Promise<void>): void {
  const form = part(id) as HTMLFormElement
  const rest = (isResting: boolean) => {
    for (const button of form.querySelectorAll('button')) button.disabled = isResting
    form.setAttribute('aria-busy', String(isResting))
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const fields = new FormData(form, event.submitter)
    rest(true)
    void attempt(() => send(fields)).finally(() => rest(false))
  })
  rest(false)
}

/** Makes a button work. */
export function onPress(id: string, act: () => Promise<void>): void {
  part(id).addEventListener('click', () => void attempt(act))
}
