import { readConfig, readEnvFile } from '@paperclip/instance'
import { type Environment, findInstance, present } from '../launcher/launch-settings.js'
import { sectionNames, settings } from './settings.js'

const secretVariables = sectionNames.flatMap((section) =>
  settings[section].filter(({ isSecret }) => isSecret).map(({ variable }) => variable)
)

/**
 * Completes an environment with what `configure` keeps in the files of the instance: variables that hold nothing secret
 * from `config.json`, secret ones from `.env`. What the environment itself says, by value or by file, wins.
 *
 * Throws `InstanceError` when a file cannot be read.
 */
export async function settledEnvironment(env: Environment): Promise<Environment> {
  const paths = findInstance(env)
  const { variables = {} } = await readConfig(paths)
  const generated = await readEnvFile(paths.env)
  const kept: Record<string, string> = { ...variables }
  for (const name of secretVariables) {
    const text = generated[name]
    if (text !== undefined) kept[name] = text
  }
  const isGiven = (name: string) => [name, `${name}_FILE`].some((each) => present(env[each]) !== undefined)
  return { ...env, ...Object.fromEntries(Object.entries(kept).filter(([name]) => !isGiven(name))) }
}
