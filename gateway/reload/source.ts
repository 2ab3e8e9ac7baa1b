// Where the supergraph's text comes from: the port, and which adapter a URL chooses. Free of what the text says.
import { openFileSource } from '#gateway/reload/source.file.ts'
import { openHttpSource } from '#gateway/reload/source.http.ts'
import { OperatorError } from '#platform/domain/errors.ts'

export type SupergraphSource = {
  /** For people: without credentials and query. */
  readonly from: string
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

/** Throws OperatorError SUPERGRAPH_INVALID. */
export async function readFirst(source: SupergraphSource): Promise<string> {
  const text = await source.read()
  if (text === undefined) throw new OperatorError('SUPERGRAPH_INVALID', `${source.from} has nothing to serve`)
  return text
}
