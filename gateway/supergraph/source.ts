// Where the supergraph's text comes from: the port, and which adapter a URL chooses. Free of what the text says.
import { openFileSource } from '#gateway/supergraph/source.file.ts'
import { openHttpSource } from '#gateway/supergraph/source.http.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SupergraphSource = {
  /** For people: without credentials and query. */
  readonly from: string
  /** Whether waiting helps when there is none. */
  readonly mayComeLater: boolean
  /** Undefined when it is as it was at the last read. Throws OperatorError SUPERGRAPH_INVALID that says why there is none. */
  read(): Promise<string | undefined>
  /** Calls `changed` when it may have changed, where that can be known without looking. */
  watch(changed: () => void): Disposable
}

export type SourceLimits = { readonly maxBytes: number; readonly timeoutMs: number }

/** A file: URL, or an http: or https: one. */
export function openSource(url: URL, limits: SourceLimits): SupergraphSource {
  return url.protocol === 'file:' ? openFileSource(url, limits) : openHttpSource(url, limits)
}

/**
 * Waits for a server that is not there yet, `waitMs` at most, and says so; a file is there or it is not. Throws
 * OperatorError SUPERGRAPH_INVALID.
 */
export async function readFirst(
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
