/** One row of the table in deploy/hardening.md. */
export interface ChecklistItem {
  readonly what: string
  /** The id of the check that looks at it. */
  readonly check: string
  /** What the check says when it is broken; `…` stands for anything. */
  readonly says: string
  readonly pattern: RegExp
  /** What it weighs there; a dash: it cannot happen. */
  readonly levels: { readonly private: string; readonly public: string }
}

const columnsOfItems = 5

/** Reads the rows of every table whose second column is a check. */
export function readChecklist(guide: string): readonly ChecklistItem[] {
  return guide.split('\n').flatMap((line) => {
    const [what = '', check = '', says = '', inPrivate = '', inPublic = ''] = cellsOf(line)
    const id = /^`([a-z_]+)`$/.exec(check)?.[1]
    if (id === undefined || cellsOf(line).length !== columnsOfItems) return []
    const levels = { private: inPrivate, public: inPublic }
    return [{ what, check: id, says, pattern: patternOf(says), levels }]
  })
}

function cellsOf(line: string): string[] {
  return line.startsWith('|')
    ? line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
    : []
}

function patternOf(says: string): RegExp {
  const parts = says.split('…').map((part) => part.trim().replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  return new RegExp(parts.join('.*'))
}
