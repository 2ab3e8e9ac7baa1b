// Processes with a cache each before one changing world, step by step: says which answer lacks what its process had received.
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Cache, LoadResult } from '#platform/cache/cache.ts'
import { covers, mergePositions, type PositionVector } from '#platform/consistency/position-vector.ts'
import { openCacheFixture } from '#test/platform/cache/cache-fixture.ts'

const TOPICS = ['orders', 'stock'] as const
const TAGS = ['a', 'b', 'c', 'd'] as const
const KEYS = ['k', 'l'] as const

type Change = { readonly topic: string; readonly position: number; readonly tags: readonly string[] }
/** `seen` is how far the views were when it was read; `item` is a tag that only the value tells. */
type Value = { readonly seen: PositionVector; readonly item: string }

const small = fc.nat(3)
const someTags = fc.subarray([...TAGS], { minLength: 1 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('change' as const), topic: small, tags: someTags }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('hear' as const), process: small, topic: small }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('get' as const),
      process: small,
      key: small,
      required: fc.boolean(),
      lagging: fc.boolean(),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      type: fc.constant('finish' as const),
      load: small,
      fails: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('command' as const),
      process: small,
      key: small,
      tags: someTags,
      puts: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('gap' as const), process: small, back: small }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), process: small, back: small }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.nat(1_500) }) },
)
const steps = fc.array(step, { minLength: 10, maxLength: 60 })
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

/** A value that is served past its time: random steps come to it once in thirty runs. */
const PAST_ITS_TIME: Step[] = [
  { type: 'command', process: 0, key: 0, tags: ['a'], puts: true },
  { type: 'wait', ms: 1_200 },
  { type: 'get', process: 0, key: 0, required: false, lagging: false },
]

type Process = {
  readonly cache: Cache
  /** How far it has received, or must take for changed. */
  received: PositionVector
}

type Load = { finish(): void; fail(): void }

type Played = {
  /** Values that were served although they lack a change, or lack what their caller had to see. */
  readonly faults: readonly string[]
  readonly sources: ReadonlySet<string>
}

/** Plays random steps in each of `numRuns`, expects no fault, and returns every way in which gets were answered. */
export async function playRuns(numRuns: number, url?: string): Promise<string[]> {
  const sources = new Set<string>()
  await fc.assert(
    fc.asyncProperty(steps, async taken => {
      const played = await play(taken, url)
      for (const source of played.sources) sources.add(source)
      expect(played.faults).toEqual([])
    }),
    { numRuns, examples: [[PAST_ITS_TIME]] },
  )
  return [...sources].sort()
}

/** Plays `steps` with two processes, and lets every load end. */
async function play(steps: readonly Step[], url?: string): Promise<Played> {
  await using fixture = await openCacheFixture(url)
  const log: Change[] = []
  const ends: Record<string, number> = {}
  const loads: Load[] = []
  const gets: Promise<void>[] = []
  const faults: string[] = []
  const sources = new Set<string>()
  const processes: Process[] = [
    { cache: fixture.cache, received: {} },
    { cache: await fixture.another(), received: {} },
  ]

  function change(topic: string, tags: readonly string[]): Change {
    const made = { topic, position: (ends[topic] ?? 0) + 1, tags }
    ends[topic] = made.position
    log.push(made)
    return made
  }

  function hear(process: Process, topic: string): void {
    const next = log.find(
      each => each.topic === topic && each.position === (process.received[topic] ?? 0) + 1,
    )
    if (!next) return
    process.received = { ...process.received, [topic]: next.position }
    process.cache.applyEvent(topic, next.position, next.tags)
  }

  /** Reads the views now, which may lag as far as they are allowed to, and answers when it is let. */
  function startLoad(
    process: Process,
    required: PositionVector,
    lagging: boolean,
  ): Promise<LoadResult<Value>> {
    const seen = mergePositions(lagging ? { ...process.received } : { ...ends }, required)
    const value = { seen, item: TAGS[2 + ((seen.orders ?? 0) % 2)] ?? 'c' }
    const ended = Promise.withResolvers<LoadResult<Value>>()
    const at = Object.keys(required).length > 0 ? { at: required } : {}
    loads.push({
      finish: () => ended.resolve({ value, ...at }),
      fail: () => ended.reject(new Error('the load failed')),
    })
    return ended.promise
  }

  function optionsOf(key: number, required: PositionVector) {
    const tags = { always: [TAGS[key % 2] ?? 'a'], of: (value: Value) => [value.item] }
    return { ttlMs: 1_000, staleMs: 1_000, tags, required }
  }

  async function get(
    process: Process,
    { key, required, lagging }: Extract<Step, { type: 'get' }>,
  ): Promise<void> {
    const mustSee: PositionVector = required ? { ...ends } : {}
    const received = process.received
    const name = KEYS[key % 2] ?? 'k'
    const options = optionsOf(key, mustSee)
    try {
      const { value, source } = await process.cache.get(
        name,
        () => startLoad(process, mustSee, lagging),
        options,
      )
      sources.add(source)
      if (!value) return
      const tags = [...options.tags.always, value.item]
      const lacked = log.filter(
        each =>
          each.tags.some(tag => tags.includes(tag)) &&
          each.position <= Math.max(received[each.topic] ?? 0, mustSee[each.topic] ?? 0) &&
          each.position > (value.seen[each.topic] ?? 0),
      )
      for (const each of lacked)
        faults.push(`${name} from ${source} lacks ${each.topic} ${each.position}: ${JSON.stringify(value)}`)
    } catch (error) {
      if (!(error instanceof Error && error.message === 'the load failed')) throw error
    }
  }

  /** A change that this process knows of before the bus tells it. */
  function command(process: Process, { key, tags, puts }: Extract<Step, { type: 'command' }>): void {
    const { topic, position } = change('orders', tags)
    const at = mergePositions(process.received, { [topic]: position })
    process.cache.invalidate(tags, at)
    if (!puts) return
    const value: Value = { seen: at, item: TAGS[2] }
    process.cache.put(KEYS[key % 2] ?? 'k', value, { ...optionsOf(key, {}), at })
  }

  function follow(process: Process, back: number): void {
    const from = Object.fromEntries(TOPICS.map(topic => [topic, Math.max(0, (ends[topic] ?? 0) - back)]))
    process.cache.resume(from)
    process.received = mergePositions(process.received, from)
  }

  async function take(next: Step): Promise<void> {
    switch (next.type) {
      case 'change':
        return void change(TOPICS[next.topic % 2] ?? 'orders', next.tags)
      case 'hear':
        return hear(of(next), TOPICS[next.topic % 2] ?? 'orders')
      case 'get':
        return void gets.push(get(of(next), next))
      case 'finish': {
        const [load] = loads.splice(next.load % Math.max(1, loads.length), 1)
        return next.fails ? load?.fail() : load?.finish()
      }
      case 'command':
        return command(of(next), next)
      case 'gap':
        of(next).cache.suspend()
        return follow(of(next), next.back)
      case 'restart': {
        const process = { cache: await fixture.another(false), received: {} }
        processes[next.process % 2] = process // what the old one has under way goes on
        return follow(process, next.back)
      }
      case 'wait':
        return fixture.clock.advance(next.ms)
    }
  }

  function of(next: { readonly process: number }): Process {
    const process = processes[next.process % 2]
    if (!process) throw new Error('there are two processes')
    return process
  }

  for (const next of steps) {
    await take(next)
    await turn()
    if (url !== undefined) await turn()
  }
  let going = true
  const all = Promise.all(gets).finally(() => {
    going = false
  })
  while (going) {
    for (const load of loads.splice(0)) load.finish()
    await turn()
  }
  await all
  for (const process of processes) expectContained(process)
  return { faults, sources }

  function expectContained({ cache, received }: Process): void {
    if (!covers(cache.observed(), received))
      faults.push('a process says that it has received less than it was told')
  }
}
