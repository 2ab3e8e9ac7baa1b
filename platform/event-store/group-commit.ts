// Gathers calls that arrive while an earlier group is under way and sends them as one. Free of what is sent.
import { CallerError } from '#platform/domain/errors.ts'

export type GroupCommitOptions<Item, Result> = {
  /** Sends a group; answers in the order of its items. */
  readonly send: (items: readonly Item[]) => Promise<readonly Result[]>
  /** Names that stand in a group once at most: an item waits for the next group if another in this one has its name. */
  readonly names: (item: Item) => readonly string[]
  readonly weight: (item: Item) => number
  /** Says that the group failed because of what one of its items holds, and that nothing of it was done. */
  readonly isPoison: (error: unknown) => boolean
  readonly maxItems: number
  /** The sum of weights that closes a group. One item may weigh more, and goes alone. */
  readonly maxWeight: number
  /** Items that may wait, and the sum of their weights; past either CallerError UNAVAILABLE. */
  readonly maxQueued: number
  readonly maxQueuedWeight: number
  readonly maxInFlight: number
}

export type GroupCommit<Item, Result> = {
  add(item: Item): Promise<Result>
  /** Resolves when nothing is waiting or under way. */
  drained(): Promise<void>
}

type Waiting<Item, Result> = {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** How far past a group's size the queue is searched for items that may go now. */
const SEARCH = 4

export function createGroupCommit<Item, Result>(
  options: GroupCommitOptions<Item, Result>,
): GroupCommit<Item, Result> {
  let queue: Waiting<Item, Result>[] = []
  let queuedWeight = 0
  let inFlight = 0
  let scheduled = false
  const whenDrained: (() => void)[] = []

  /** Waits for the callers that the last answers have woken, so that they go together. */
  function schedule(): void {
    if (scheduled || queue.length === 0 || inFlight >= options.maxInFlight) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      if (queue.length > 0 && inFlight < options.maxInFlight) void dispatch()
    })
  }

  async function dispatch(): Promise<void> {
    const { group, rest } = pick(queue, options)
    queue = rest
    for (const { item } of group) queuedWeight -= options.weight(item)
    inFlight += 1
    schedule()
    await sendGroup(group, options)
    inFlight -= 1
    schedule()
    if (inFlight === 0 && queue.length === 0) for (const resolve of whenDrained.splice(0)) resolve()
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
        schedule()
      })
    },
    drained() {
      if (inFlight === 0 && queue.length === 0) return Promise.resolve()
      return new Promise(resolve => whenDrained.push(resolve))
    },
  }
}

/** The first items that fit together. One that must wait keeps its names, so that none passes it by. */
function pick<Item, Result>(
  queue: readonly Waiting<Item, Result>[],
  options: GroupCommitOptions<Item, Result>,
): { group: Waiting<Item, Result>[]; rest: Waiting<Item, Result>[] } {
  const group: Waiting<Item, Result>[] = []
  const passed: Waiting<Item, Result>[] = []
  const taken = new Set<string>()
  let weight = 0
  let looked = 0
  for (const waiting of queue) {
    if (group.length === options.maxItems || looked === options.maxItems * SEARCH) break
    const names = options.names(waiting.item)
    const free = names.every(name => !taken.has(name))
    for (const name of names) taken.add(name)
    if (free) weight += options.weight(waiting.item)
    if (free && group.length > 0 && weight > options.maxWeight) break
    ;(free ? group : passed).push(waiting)
    looked += 1
  }
  return { group, rest: [...passed, ...queue.slice(looked)] }
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
