// The port that reads the supergraph's text. Adapters: source.file.ts, source.http.ts.
import { createHash } from 'node:crypto'

export type SupergraphSource = {
  /** The URL or path as people read it: without credentials and query. */
  readonly from: string
  /** Says whether it is worth waiting for a supergraph that is not there yet. */
  readonly mayComeLater: boolean
  /** Returns undefined when nothing has changed since the last read. Throws OperatorError SUPERGRAPH_INVALID with the reason. */
  read(): Promise<string | undefined>
  /** Calls `changed` when the text may have changed, where the source can tell without being read. */
  watch(changed: () => void): Disposable
}

export type SourceLimits = { readonly maxBytes: number; readonly timeoutMs: number }

/** Returns the first twelve digits of the text's SHA-256, as `sha256sum supergraph.graphql | cut -c1-12` prints them. */
export function versionOf(sdl: string): string {
  return createHash('sha256').update(sdl).digest('hex').slice(0, 12)
}
