// Keeps all ids of one kind in growing Bloom filters, so that a request for an id that does not exist costs nothing.
import { type BloomFilter, createBloomFilter } from '#platform/cache/bloom-filter.ts'
import { pauseUnlessAborted } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type IdFilter = AsyncDisposable & {
  /** Returns true for every id that exists, for one in a hundred that does not, and for any id until it is filled. */
  mayExist(id: string): boolean
  /** Adds an id that came to be after `fill` was called. */
  add(id: string): void
  /**
   * Loads all ids anew, and tries again after a failure. Resolves when the filter is filled, a later `fill` takes over,
   * or the filter is disposed.
   */
  fill(): Promise<void>
}

type IdFilterOptions = {
  /** Returns the ids after `after` in a fixed order, from the first when it is undefined; none at the end. */
  readonly loadPage: (after: string | undefined) => Promise<readonly string[]>
  readonly logger: Logger
  /** The size of the first layer; each further layer is twice as large. 65,536 by default. */
  readonly capacity?: number
  /** The first pause after a failure, doubled up to 30 s. 1 s by default. */
  readonly retryMs?: number
}

const CAPACITY = 65_536
/** With the capacity above: 8 million ids, 20 MB. */
const MAX_LAYERS = 7
/** The rate is that of all layers together: each layer gets half of what is left. */
const FALSE_POSITIVES = 0.01
const RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

export function createIdFilter(options: IdFilterOptions): IdFilter {
  const { loadPage, logger, capacity = CAPACITY, retryMs = RETRY_MS } = options
  let layers: BloomFilter[] = []
  let isFilled = false
  let filling = new AbortController()

  /** When all layers are full, the last one takes more, at a higher rate of false positives. */
  function add(id: string): void {
    let last = layers.at(-1)
    if (!last || (last.size() >= last.capacity && layers.length < MAX_LAYERS)) {
      last = createBloomFilter({
        capacity: capacity * 2 ** layers.length,
        falsePositives: FALSE_POSITIVES / 2 ** (layers.length + 1),
      })
      layers.push(last)
    }
    last.add(id)
  }

  /** Goes on after a failure where it stopped: what came to be meanwhile was added. */
  async function loadAll(signal: AbortSignal): Promise<void> {
    let after: string | undefined
    let pauseMs = retryMs
    while (!signal.aborted) {
      try {
        const ids = await loadPage(after)
        if (signal.aborted || ids.length === 0) return
        for (const id of ids) add(id)
        after = ids.at(-1)
        pauseMs = retryMs
      } catch (err) {
        logger.warn(
          { err, pauseMs },
          'loading the existing ids failed, any id may exist until a retry succeeds',
        )
        await pauseUnlessAborted(pauseMs, signal)
        pauseMs = Math.min(2 * pauseMs, MAX_RETRY_MS)
      }
    }
  }

  return {
    mayExist: id => !isFilled || layers.some(layer => layer.mayHave(id)),
    add,
    async fill() {
      filling.abort()
      filling = new AbortController()
      const { signal } = filling
      layers = []
      isFilled = false
      await loadAll(signal)
      if (!signal.aborted) isFilled = true
    },
    async [Symbol.asyncDispose]() {
      filling.abort()
    },
  }
}
