import { createSecretKey } from 'node:crypto'
import { ConfigError, type SecretValue } from '@paperclip/server'
import { createSignerKey, type SignerKey } from '@paperclip/signing'
import type { FastifyBaseLogger } from 'fastify'
import type { GatewayConfig, GatewaySecrets } from './config.js'

/**
 * Opens the key that signs our requests to the secrets service. Throws ConfigError when the file cannot be used,
 * or holds what another secret of ours holds: each must be worth nothing without the others.
 */
export function loadGatewayKey({
  config,
  secrets,
  logger
}: {
  config: GatewayConfig
  secrets: GatewaySecrets
  logger: FastifyBaseLogger
}): SignerKey {
  let key: SignerKey
  try {
    key = createSignerKey(config.gatewayKeyFile, {
      nowMs: Date.now,
      onReload: (report) => {
        if (report.outcome === 'reloaded')
          logger.info({ keyIds: report.keyIds }, 'the signing key was read anew')
        else logger.error({ problem: report.error.message }, 'the signing key was kept')
      }
    })
  } catch (error) {
    throw new ConfigError([`PAPERCLIP_GATEWAY_KEY_FILE ${(error as Error).message}`])
  }
  const { hmacKey } = key.current()
  const same = (secret: SecretValue | null) =>
    secret !== null &&
    [Buffer.from(secret.reveal()), Buffer.from(secret.reveal(), 'base64url')].some(
      (bytes) => bytes.length > 0 && createSecretKey(bytes).equals(hmacKey)
    )
  if (same(secrets.agentJwtSecret) || same(secrets.agentJwtSecretPrevious))
    throw new ConfigError([
      'PAPERCLIP_AGENT_JWT_SECRET must differ from the key in PAPERCLIP_GATEWAY_KEY_FILE'
    ])
  if (same(secrets.betterAuthSecret))
    throw new ConfigError(['BETTER_AUTH_SECRET must differ from the key in PAPERCLIP_GATEWAY_KEY_FILE'])
  return key
}
