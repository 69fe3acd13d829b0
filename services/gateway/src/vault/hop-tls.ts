import type { Logger } from '@paperclip/server'
import { createTlsHolder, type TlsFiles, type TlsHolder } from '@paperclip/signing'

/**
 * Opens the certificates of the private hop, or null without any. Throws KeyFileError when they cannot be used;
 * later readings keep the former ones instead, and say so in the log without their content.
 */
export function openHopTls(files: TlsFiles | null, logger: Pick<Logger, 'info' | 'error'>): TlsHolder | null {
  if (files === null) return null
  return createTlsHolder(files, {
    nowMs: Date.now,
    onReload(report) {
      if (report.outcome === 'kept')
        logger.error({ problem: report.error.message }, 'the certificates of the private hop were kept')
      else
        logger.info(
          { notAfter: new Date(report.identity.notAfterMs).toISOString() },
          'the certificates of the private hop were read anew'
        )
    }
  })
}
