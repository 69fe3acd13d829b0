import { looksLikeCredential } from '@paperclip/contracts'
import { Command } from 'commander'
import type { CliIo } from './cli-io.js'
import { addActivityList } from './commands/activity-list.js'
import { addAgentCreate } from './commands/agent-create.js'
import { addAgentCreateKey } from './commands/agent-create-key.js'
import { addAgentKeys } from './commands/agent-keys.js'
import { addAgentList } from './commands/agent-list.js'
import { addAgentPause } from './commands/agent-pause.js'
import { addAgentResume } from './commands/agent-resume.js'
import { addAgentRevokeKey } from './commands/agent-revoke-key.js'
import { addAgentRotateKeys } from './commands/agent-rotate-keys.js'
import { addAgentRun } from './commands/agent-run.js'
import { addAgentTerminate } from './commands/agent-terminate.js'
import { addAuditExport } from './commands/audit-export.js'
import { addAuditList } from './commands/audit-list.js'
import { addAuthLogin } from './commands/auth-login.js'
import { addAuthLogout } from './commands/auth-logout.js'
import { addAuthWhoami } from './commands/auth-whoami.js'
import { addBackupCreate } from './commands/backup-create.js'
import { addBackupRestore } from './commands/backup-restore.js'
import { addCompanyArchive } from './commands/company-archive.js'
import { addCompanyCreate } from './commands/company-create.js'
import { addCompanyDelete } from './commands/company-delete.js'
import { addCompanyExport } from './commands/company-export.js'
import { addCompanyImport } from './commands/company-import.js'
import { addCompanyList } from './commands/company-list.js'
import { addCompanyUnarchive } from './commands/company-unarchive.js'
import { addCompletion } from './commands/completion.js'
import { addConfigure } from './commands/configure.js'
import { addDoctor } from './commands/doctor.js'
import { addEnvGet } from './commands/env-get.js'
import { addEnvSet } from './commands/env-set.js'
import { addImportCommit } from './commands/import-commit.js'
import { addImportPreview } from './commands/import-preview.js'
import { addInternalKeyCreate } from './commands/internal-key-create.js'
import { addInternalKeyList } from './commands/internal-key-list.js'
import { addInternalKeyRevoke } from './commands/internal-key-revoke.js'
import { addInternalKeyRotate } from './commands/internal-key-rotate.js'
import { addInviteCreate } from './commands/invite-create.js'
import { addInviteList } from './commands/invite-list.js'
import { addInviteRevoke } from './commands/invite-revoke.js'
import { addMasterKeyCheck } from './commands/master-key-check.js'
import { addMasterKeyRetire } from './commands/master-key-retire.js'
import { addMasterKeyRotate } from './commands/master-key-rotate.js'
import { addMasterKeyStatus } from './commands/master-key-status.js'
import { addOnboard } from './commands/onboard.js'
import { addProjectCreate } from './commands/project-create.js'
import { addProjectList } from './commands/project-list.js'
import { addRun } from './commands/run.js'
import { addSecretsAccessEvents } from './commands/secrets-access-events.js'
import { addSecretsCreate } from './commands/secrets-create.js'
import { addSecretsDeclarations } from './commands/secrets-declarations.js'
import { addSecretsDelete } from './commands/secrets-delete.js'
import { addSecretsDestroyVersion } from './commands/secrets-destroy-version.js'
import { addSecretsDisableVersion } from './commands/secrets-disable-version.js'
import { addSecretsDoctor } from './commands/secrets-doctor.js'
import { addSecretsEnableVersion } from './commands/secrets-enable-version.js'
import { addSecretsExposed } from './commands/secrets-exposed.js'
import { addSecretsLink } from './commands/secrets-link.js'
import { addSecretsList } from './commands/secrets-list.js'
import { addSecretsMigrateInlineEnv } from './commands/secrets-migrate-inline-env.js'
import { addSecretsProviders } from './commands/secrets-providers.js'
import { addSecretsRotate } from './commands/secrets-rotate.js'
import { addSecretsUpdate } from './commands/secrets-update.js'
import { addSecretsUsage } from './commands/secrets-usage.js'
import { addSecretsVersions } from './commands/secrets-versions.js'
import { addUserDelete } from './commands/user-delete.js'
import { addUserDemote } from './commands/user-demote.js'
import { addUserEndSessions } from './commands/user-end-sessions.js'
import { addUserList } from './commands/user-list.js'
import { addUserPromote } from './commands/user-promote.js'
import { addUserRevokeKeys } from './commands/user-revoke-keys.js'
import { addVaultCreate } from './commands/vault-create.js'
import { addVaultDefault } from './commands/vault-default.js'
import { addVaultDisable } from './commands/vault-disable.js'
import { addVaultHealth } from './commands/vault-health.js'
import { addVaultList } from './commands/vault-list.js'
import { addVaultUpdate } from './commands/vault-update.js'
import { cliVersion } from './version.js'

type AddCommand = (parent: Command, io: CliIo) => void

const topCommands: readonly AddCommand[] = [addOnboard, addRun, addConfigure, addDoctor, addCompletion]

const groups: readonly [name: string, summary: string, commands: readonly AddCommand[]][] = [
  ['auth', 'signing in to a gateway', [addAuthLogin, addAuthLogout, addAuthWhoami]],
  [
    'company',
    'companies of this instance',
    [
      addCompanyList,
      addCompanyCreate,
      addCompanyExport,
      addCompanyImport,
      addCompanyArchive,
      addCompanyUnarchive,
      addCompanyDelete
    ]
  ],
  ['invite', 'bringing people into a company', [addInviteList, addInviteCreate, addInviteRevoke]],
  ['project', 'projects of a company', [addProjectList, addProjectCreate]],
  [
    'agent',
    'agents, their keys, and running a command as one',
    [
      addAgentList,
      addAgentCreate,
      addAgentRun,
      addAgentKeys,
      addAgentCreateKey,
      addAgentRevokeKey,
      addAgentRotateKeys,
      addAgentPause,
      addAgentResume,
      addAgentTerminate
    ]
  ],
  [
    'secrets',
    'secrets, their versions and who read them',
    [
      addSecretsList,
      addSecretsCreate,
      addSecretsLink,
      addSecretsRotate,
      addSecretsUpdate,
      addSecretsDelete,
      addSecretsVersions,
      addSecretsDisableVersion,
      addSecretsEnableVersion,
      addSecretsDestroyVersion,
      addSecretsUsage,
      addSecretsAccessEvents,
      addSecretsProviders,
      addSecretsExposed,
      addSecretsDeclarations,
      addSecretsMigrateInlineEnv,
      addSecretsDoctor
    ]
  ],
  [
    'vault',
    'named places where values may lie',
    [addVaultList, addVaultCreate, addVaultUpdate, addVaultDefault, addVaultDisable, addVaultHealth]
  ],
  ['import', 'linking secrets that lie at AWS already', [addImportPreview, addImportCommit]],
  ['env', 'environment variables of an agent or project', [addEnvGet, addEnvSet]],
  ['audit', 'what was changed, by whom, listed and exported', [addAuditList, addAuditExport]],
  [
    'user',
    'people of this instance',
    [addUserList, addUserDelete, addUserPromote, addUserDemote, addUserEndSessions, addUserRevokeKeys]
  ],
  ['activity', 'what was changed, by whom', [addActivityList]],
  ['backup', 'copies of this instance, and an instance of a copy', [addBackupCreate, addBackupRestore]],
  [
    'master-key',
    'the key that wraps the keys of companies, and replacing it',
    [addMasterKeyStatus, addMasterKeyRotate, addMasterKeyRetire, addMasterKeyCheck]
  ],
  [
    'internal-key',
    'keys that internal services sign with, and the gateway',
    [addInternalKeyList, addInternalKeyCreate, addInternalKeyRotate, addInternalKeyRevoke]
  ]
]

/** Builds the whole command line. Parsing throws: CommanderError for what it reports itself, else our errors. */
export function buildProgram(io: CliIo): Command {
  const program = new Command('paperclipai')
    .description('Secrets for AI agents: store them, bind them to an agent, run it with them.')
    .version(cliVersion, '-V, --version')
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(asOurLines(text))
    })
    .addHelpText('after', topHelp)
  for (const add of topCommands) add(program, io)
  for (const [name, summary, commands] of groups) {
    const group = program.command(name).description(summary)
    for (const add of commands) add(group, io)
  }
  return program
}

/** commander's `error: …` and its suggestion, in the form every other message has. */
function asOurLines(text: string): string {
  const [first = '', ...rest] = text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
  const hints = rest.map((line) => `paperclipai: hint: ${line.replace(/^\((.*)\)$/, '$1')}\n`)
  const help = hints.length > 0 ? '' : 'paperclipai: hint: --help shows how it is used\n'
  // What follows an unknown flag's "=" may be a value, and so may a word in the wrong place.
  const message = first
    .replace(/^error: /, '')
    .replace(/^(unknown option '[^'=]*)=.*$/, "$1'")
    .replaceAll(/'[^']*'/g, (word) => (looksLikeCredential(word) ? "'…'" : word))
  return `paperclipai: ${message}\n${hints.join('')}${help}`
}

const topHelp = `
From a company to a command that has its secret:
  $ paperclipai company create Acme
  $ paperclipai agent create coder
  $ printf %s "$KEY" | paperclipai secrets create "Anthropic API Key"
  $ paperclipai env set coder ANTHROPIC_API_KEY=secret:anthropic-api-key
  $ paperclipai agent run coder -- my-agent --verbose

Data goes to stdout, everything else to stderr. Exit 0 done, 1 failed, 2 misused.
Environment: PAPERCLIP_API_URL, PAPERCLIP_API_KEY (or PAPERCLIP_API_KEY_FILE), PAPERCLIP_COMPANY_ID,
PAPERCLIP_HOME, PAPERCLIP_INSTANCE_ID.`
