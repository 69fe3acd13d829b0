/**
 * Makes one word of the shell of any text (POSIX, 2.2.2): nothing within single quotes means anything but itself.
 *
 * @param {string} text
 */
export function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`
}
