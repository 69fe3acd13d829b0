/** Limits that AWS states for names and answers; a longer one is not read. */
export const arnCharactersMax = 2_048
export const nameCharactersMax = 512
export const versionIdCharactersMax = 64
export const versionLabelCharactersMax = 256
export const cursorCharactersMax = 4_096
export const valueBytesMax = 65_536

/** An answer without a value or a list. */
export const shortReplyBytesMax = 64 * 1024

/** A value of 64 KiB, each byte of which JSON may write in six, and what stands around it. */
export const valueReplyBytesMax = 6 * valueBytesMax + 16 * 1024

/** A hundred entries with fifty long tags each. */
export const listReplyBytesMax = 4 * 1024 * 1024

/** How long AWS keeps a deleted secret, in whole days. */
export const recoveryDaysMin = 7
export const recoveryDaysMax = 30
