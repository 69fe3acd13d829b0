const plainWord = /^[\w@%+=:,./-]+$/

/** Words as a shell reads them, so that a command that is shown can be typed. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => (plainWord.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')
}
