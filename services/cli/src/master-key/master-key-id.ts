import { MisuseError } from '../cli-error.js'

const masterKeyIdExpression = /^mk_[0-9a-f]{16}$/

/** Throws {@link MisuseError} for what is no id of a master key, without repeating it: it may be a key. */
export function requireMasterKeyId(text: string, argument: '<id>' | '--to'): void {
  if (!masterKeyIdExpression.test(text))
    throw new MisuseError(`${argument} is no id of a master key`, 'see `paperclipai master-key status`')
}
