// Groups the calls that arrive while an earlier group is in flight, and sends them as one (group commit).
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { CallerError } from '#platform/domain/errors.ts'

export type GroupCommitOptions<Item, Result> = {
  /** Sends a group; resolves to the results in the order of its items. */
  readonly send: (items: readonly Item[]) => Promise<readonly Result[]>
  /** Returns the keys of an item: no two items of a group share one, so the later of them waits for the next group. */
  readonly keys: (item: Item) => readonly string[]
  readonly weight: (item: Item) => number
  /** Returns whether the group failed because of the content of one of its items, and nothing of it was done. */
  readonly isPoison: (error: unknown) => boolean
  readonly maxItems: number
  /** The most that a group weighs. An item that weighs more goes alone. */
  readonly maxWeight: number
  /** The most items that wait, and the most they weigh; past either `add` rejects with CallerError UNAVAILABLE. */
  readonly maxQueued: number
  readonly maxQueuedWeight: number
  /** The least time between the starts of two groups; 0 by default. */
  readonly spacingMs?: number
}

type GroupCommit<Item, Result> = {
  add(item: Item): Promise<Result>
  /** Resolves when nothing is waiting or in flight. */
  drained(): Promise<void>
}

type Waiting<Item, Result> = {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** The queue is searched up to this many times a group's size for items that may go now. */
const SEARCH_FACTOR = 4

/** One group is in flight at a time, and everything that arrives meanwhile waits for the next. */
export function createGroupCommit<Item, Result>(
  options: GroupCommitOptions<Item, Result>,
): GroupCommit<Item, Result> {
  let queue: Waiting<Item, Result>[] = []
  let queuedWeight = 0
  let sending: Promise<void> | undefined
  let startedAt = Number.NEGATIVE_INFINITY

  async function sendQueue(): Promise<void> {
    while (queue.length > 0) {
      // The callers that the last results have woken add their next items first, so that these go together.
      await nextTurn()
      const pause = startedAt + (options.spacingMs ?? 0) - performance.now()
      if (pause > 0) await delay(pause)
      startedAt = performance.now()
      const { group, rest } = pick(queue, options)
      queue = rest
      for (const { item } of group) queuedWeight -= options.weight(item)
      await sendGroup(group, options)
    }
    sending = undefined
  }

  return {
    add(item) {
      if (queue.length >= options.maxQueued || queuedWeight >= options.maxQueuedWeight)
        return Promise.reject(
          new CallerError('UNAVAILABLE', `${queue.length} writes are waiting already. Try again shortly.`),
        )
      return new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject })
        queuedWeight += options.weight(item)
        sending ??= sendQueue()
      })
    },
    async drained() {
      await sending
    },
  }
}

/** Returns the first items that fit together. One that must wait keeps its keys, so that no later item overtakes it. */
function pick<Item, Result>(
  queue: readonly Waiting<Item, Result>[],
  options: GroupCommitOptions<Item, Result>,
): { group: Waiting<Item, Result>[]; rest: Waiting<Item, Result>[] } {
  const group: Waiting<Item, Result>[] = []
  const skipped: Waiting<Item, Result>[] = []
  const taken = new Set<string>()
  let weight = 0
  let looked = 0
  for (const waiting of queue) {
    if (group.length === options.maxItems || looked === options.maxItems * SEARCH_FACTOR) break
    const keys = options.keys(waiting.item)
    const free = keys.every(key => !taken.has(key))
    for (const key of keys) taken.add(key)
    if (free) weight += options.weight(waiting.item)
    if (free && group.length > 0 && weight > options.maxWeight) break
    ;(free ? group : skipped).push(waiting)
    looked += 1
  }
  return { group, rest: [...skipped, ...queue.slice(looked)] }
}

async function sendGroup<Item, Result>(
  group: readonly Waiting<Item, Result>[],
  options: GroupCommitOptions<Item, Result>,
): Promise<void> {
  try {
    const results = await options.send(group.map(({ item }) => item))
    for (const [index, result] of results.entries()) group[index]?.resolve(result)
  } catch (error) {
    if (group.length === 1 || !options.isPoison(error)) for (const { reject } of group) reject(error)
    else for (const waiting of group) await sendGroup([waiting], options)
  }
}
