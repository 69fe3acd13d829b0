import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { GatewayClient } from '@paperclip/client'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { CliError, MisuseError } from '../cli-error.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { closeRuns } from '../key-rotation/close-runs.js'
import { findKeys, type RotationScope } from '../key-rotation/plan-rotation.js'
import { printRotated } from '../key-rotation/print-rotation.js'
import { rotateKeys } from '../key-rotation/rotate-keys.js'
import { RotationLedger, rotationLockName } from '../key-rotation/rotation-ledger.js'
import { counted } from '../output/print.js'
import { type CompaniesFlags, pickCompanies, withCompaniesFlags } from '../pick/every-company.js'
import { pickCompanyOfAgent } from '../pick/pick-company.js'
import { pickAgent } from '../pick/pick-named.js'
import { takeProcessLock } from '../process-lock.js'

/** So long after its end a rotation may be repeated, for a script that was cut off before it heard of it. */
const repeatMsMax = 3_600_000

interface Flags extends CompaniesFlags {
  readonly out?: string
  readonly dryRun?: true
  readonly closeRuns?: true
  readonly yes?: true
}

/** `agent rotate-keys`. */
export function addAgentRotateKeys(parent: Command, io: CliIo): void {
  withCompaniesFlags(
    parent
      .command('rotate-keys')
      .description('replace the keys of an agent, or of all, and revoke the old ones')
  )
    .argument('[agent]', 'its id or unique name (default: every agent)')
    .option('--out <folder>', 'where the new keys are written; the same folder goes on with what was cut off')
    .option('--dry-run', 'only say which keys would be replaced')
    .option('--close-runs', 'also end the open runs of these agents')
    .option('-y, --yes', 'do not ask; needed without a terminal')
    .addHelpText(
      'after',
      `
Each new key is in a file of its own, <folder>/<company>/<agent>/<key>.key, for its owner alone, before the old one is
revoked; no key is shown. A key that has run out is revoked and gets no successor. Of an open run the token goes on
unless --close-runs ends it: it hangs on no key.

Examples:
  $ paperclipai agent rotate-keys coder --out ./new-keys
  $ paperclipai agent rotate-keys --all-companies --dry-run
  $ paperclipai agent rotate-keys --all-companies --out ./new-keys --yes
  $ PAPERCLIP_API_KEY_FILE=./new-keys/acme-…/coder-…/ci-….key my-agent`
    )
    .action(async (agent: string | undefined, flags: Flags) => {
      requireSense(io, agent, flags)
      await withApi(io, flags, async (client) => {
        const scope = await pickScope(client, io, { agent, flags })
        if (flags.dryRun) await preview(io, client, { scope, flags })
        else await rotate(io, client, { scope, flags })
      })
    })
}

function requireSense(io: CliIo, agent: string | undefined, flags: Flags): void {
  if (agent !== undefined && flags.allCompanies)
    throw new MisuseError('an agent and --all-companies are both given', 'leave one of them out')
  if (flags.dryRun) return
  if (flags.out === undefined)
    throw new MisuseError(
      '--out is missing: where the new keys are written',
      'name a folder, or say --dry-run'
    )
  if (!flags.yes && !io.stdin.isTTY) throw new MisuseError('the old keys stop working', 'say --yes')
}

async function pickScope(
  client: GatewayClient,
  io: CliIo,
  { agent, flags }: { agent: string | undefined; flags: Flags }
): Promise<RotationScope> {
  if (agent === undefined) return { companies: await pickCompanies(client, io, flags), agentId: null }
  const companyId = await pickCompanyOfAgent(client, io, { flags, agent })
  const companies = await pickCompanies(client, io, { companyId })
  return { companies, agentId: await pickAgent(client, companyId, agent) }
}

interface Asked {
  readonly scope: RotationScope
  readonly flags: Flags
}

/** Another folder, or another gateway, is another rotation. */
function subjectOf(client: GatewayClient, { scope, flags }: Asked): string {
  const companies = flags.allCompanies ? 'all' : scope.companies.map(({ id }) => id)
  return JSON.stringify([client.address, companies, scope.agentId])
}

async function preview(io: CliIo, client: GatewayClient, asked: Asked): Promise<void> {
  const { out } = asked.flags
  const ours =
    out !== undefined && existsSync(out)
      ? (await RotationLedger.open(resolve(out), subjectOf(client, asked))).newKeyIds()
      : new Set<string>()
  const keys = (await findKeys(client, asked.scope)).filter(({ keyId }) => !ours.has(keyId))
  printRotated(io, { json: asked.flags.json ?? false, keys, more: { dryRun: true } })
  note(io, `${counted(keys.length, 'key')} would be replaced; nothing was changed`)
}

async function rotate(io: CliIo, client: GatewayClient, asked: Asked): Promise<void> {
  const { scope, flags } = asked
  const folder = resolve(flags.out ?? '')
  const subject = subjectOf(client, asked)
  await RotationLedger.makeFolder(folder)
  const lock = await takeProcessLock(join(folder, rotationLockName))
  if (lock === null || 'heldBy' in lock)
    throw new CliError(`another command is at work in ${folder}`, { hint: 'wait for its end' })
  try {
    const ledger = await RotationLedger.open(folder, subject)
    if (!ledger.hasPlan) {
      const keys = await findKeys(client, scope)
      if (!flags.yes)
        await confirmOrFail(
          io,
          `Replace ${counted(keys.length, 'key')}, so that what agents have now stops working?`
        )
      await ledger.plan(subject, keys)
    }
    const { finishedAt } = ledger
    if (finishedAt !== null) tellFinished(io, { folder, finishedAt })
    await rotateKeys(io, client, { folder, ledger })
    const runsClosed = flags.closeRuns ? await closeRuns(client, scope) : 0
    const strangers = await findStrangers(client, { scope, ledger })
    const keys = ledger.keys.map((key) => ({ ...key, ...ledger.progressOf(key.keyId) }))
    printRotated(io, {
      json: flags.json ?? false,
      keys,
      more: {
        folder,
        finishedBefore: finishedAt,
        runsClosed,
        madeMeanwhile: strangers.map(({ agentId, keyId }) => ({ agentId, keyId }))
      }
    })
    if (finishedAt === null) summarize(io, { keys, folder })
    if (flags.closeRuns) note(io, `ended ${counted(runsClosed, 'open run')}`)
    for (const { company, agent, name, keyId } of strangers)
      note(io, `made meanwhile, and not by this: key ${keyId} (${name}) of ${agent} in ${company}`)
    if (strangers.length > 0) hint(io, 'revoke what is not yours with `paperclipai agent revoke-key`')
    await ledger.finish()
  } finally {
    await lock.release()
  }
}

/** Keys that work and are neither of the plan nor of its making. */
async function findStrangers(
  client: GatewayClient,
  { scope, ledger }: { scope: RotationScope; ledger: RotationLedger }
) {
  const ours = ledger.newKeyIds()
  return (await findKeys(client, scope)).filter(({ keyId }) => !ours.has(keyId))
}

/** Whoever says the same command at the next incident must not take what was done at the last one for done. */
function tellFinished(io: CliIo, { folder, finishedAt }: { folder: string; finishedAt: string }): void {
  const again = 'for another rotation name another folder'
  const what = `the rotation in ${folder} was finished at ${finishedAt}`
  if (Date.now() - Date.parse(finishedAt) > repeatMsMax)
    throw new CliError(`${what}; nothing was changed`, { hint: again })
  note(io, `${what}; no key is replaced now`)
  hint(io, again)
}

function summarize(
  io: CliIo,
  { keys, folder }: { keys: readonly { file?: string }[]; folder: string }
): void {
  const replaced = keys.filter(({ file }) => file !== undefined).length
  note(io, `replaced ${counted(replaced, 'key')}; what is new is in ${folder}`)
  if (replaced < keys.length)
    note(
      io,
      `revoked and did not replace ${counted(keys.length - replaced, 'key')}: run out, or of an agent that is gone`
    )
  if (replaced > 0)
    hint(io, 'give each agent its key; `paperclipai agent keys` shows when one was first used')
}
