// Opens the source that a URL names, and reads the supergraph that the gateway starts with.
import { openFileSource } from '#gateway/supergraph/source.file.ts'
import { openHttpSource } from '#gateway/supergraph/source.http.ts'
import type { SourceLimits, SupergraphSource } from '#gateway/supergraph/source.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** Opens a file:, http: or https: URL. */
export function openSupergraphSource(url: URL, limits: SourceLimits): SupergraphSource {
  return url.protocol === 'file:' ? openFileSource(url, limits) : openHttpSource(url, limits)
}

/**
 * Reads the supergraph to start with. Waits up to `waitMs` for an HTTP server that is not up yet; a missing file fails at
 * once. Throws OperatorError SUPERGRAPH_INVALID.
 */
export async function readInitialSupergraph(
  source: SupergraphSource,
  { waitMs, logger }: { readonly waitMs: number; readonly logger: Logger },
): Promise<string> {
  const text = await waitForDependency(source.read, {
    logger,
    what: `the supergraph at ${source.from}, which SUPERGRAPH names`,
    startTimeoutMs: waitMs,
    isFinal: () => !source.mayComeLater,
  })
  if (text === undefined) throw new OperatorError('SUPERGRAPH_INVALID', `${source.from} has nothing to serve`)
  return text
}
