// The ids that there are, in a few bits each, so that made-up ones cost nothing. Free of where ids come from.
import { setTimeout as delay } from 'node:timers/promises'
import { type BloomFilter, createBloomFilter } from '#platform/cache/bloom-filter.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type IdFilter = AsyncDisposable & {
  /** True for all that there is, for one stranger in a hundred, and for everything until it is filled. */
  mayExist(id: string): boolean
  /** Something that has come to be since `fill` was called. */
  add(id: string): void
  /**
   * Reads all ids anew, and again after a failure. Until then everything may exist. Resolves when it is filled, or
   * when a later `fill` or the end takes its place.
   */
  fill(): Promise<void>
  isFilled(): boolean
}

export type IdFilterOptions = {
  /** Ids past `after`, in an order of its own, from the first when it is undefined; none at the end. */
  readonly loadPage: (after: string | undefined) => Promise<readonly string[]>
  readonly logger: Logger
  /** Of the first layer; each further one is twice as large. 65,536 when left out. */
  readonly capacity?: number
  /** After a failure, at first; doubled up to 30 s. 1 s when left out. */
  readonly retryMs?: number
}

const CAPACITY = 65_536
/** With the capacity above: 8 million ids, 20 MB. */
const MAX_LAYERS = 7
/** Of all layers together: each has half of what is left. */
const FALSE_POSITIVES = 0.01
const RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

export function createIdFilter(options: IdFilterOptions): IdFilter {
  const { loadPage, logger, capacity = CAPACITY, retryMs = RETRY_MS } = options
  let layers: BloomFilter[] = []
  let full = false
  let filling = new AbortController()

  /** When all layers are full, the last takes more still, and says yes too often. */
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

  function mayExist(id: string): boolean {
    return !full || layers.some(layer => layer.mayHave(id))
  }

  /** Goes on where it failed: what has come to be since then was added. */
  async function readAll(signal: AbortSignal): Promise<void> {
    let after: string | undefined
    let pause = retryMs
    while (!signal.aborted) {
      try {
        const ids = await loadPage(after)
        if (signal.aborted || ids.length === 0) return
        for (const id of ids) add(id)
        after = ids.at(-1)
        pause = retryMs
      } catch (error) {
        logger.warn({ err: error }, 'the known ids could not be read; until then every id may exist')
        await delay(pause, undefined, { signal, ref: false }).catch(() => {})
        pause = Math.min(2 * pause, MAX_RETRY_MS)
      }
    }
  }

  return {
    mayExist,
    add,
    async fill() {
      filling.abort()
      filling = new AbortController()
      const { signal } = filling
      layers = []
      full = false
      await readAll(signal)
      if (!signal.aborted) full = true
    },
    isFilled: () => full,
    async [Symbol.asyncDispose]() {
      filling.abort()
    },
  }
}
