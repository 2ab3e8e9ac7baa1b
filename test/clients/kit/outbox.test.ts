import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type GraphqlResult, HttpFault, type SendOperation } from '#clients/kit/src/core/index.ts'
import {
  type Command,
  createOutbox,
  type Outbox,
  type OutboxOptions,
  type OutboxResult,
  type OutboxStore,
} from '#clients/kit/src/outbox/outbox.ts'
import { WAIT } from '#test/fixtures/wait.ts'

/** A store that outlives the outboxes on it, as a disk does. */
function memoryStore(): OutboxStore & { readonly kept: Map<string, Command> } {
  const kept = new Map<string, Command>()
  let held = { owner: '', until: 0 }
  return {
    kept,
    async add(command, most) {
      const there = kept.get(command.key)
      if (there) return there
      if (kept.size >= most) return undefined
      kept.set(command.key, structuredClone(command))
      return command
    },
    list: async () => [...kept.values()],
    async update(command) {
      if (kept.has(command.key)) kept.set(command.key, structuredClone(command))
    },
    async remove(key) {
      kept.delete(key)
    },
    async lease(owner, ms) {
      if (held.owner !== owner && held.until > Date.now()) return false
      held = { owner, until: Date.now() + ms }
      return true
    },
  }
}

const open: Outbox[] = []
afterEach(() => {
  for (const outbox of open.splice(0)) outbox.close()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

let owners = 0
function openOutbox(options: Partial<OutboxOptions> & Pick<OutboxOptions, 'send'>): Outbox {
  const outbox = createOutbox({
    owner: `owner-${++owners}`,
    store: memoryStore(),
    backoff: { minMs: 2, maxMs: 10 },
    ...options,
  })
  open.push(outbox)
  return outbox
}

/** A server that keeps what it was sent, and answers as `answer` says. */
function server(answer: (key: string, count: number) => Promise<GraphqlResult> | GraphqlResult) {
  const sent: string[] = []
  const send = (async ({ variables }) => {
    const key = String(variables?.key)
    sent.push(key)
    return answer(key, sent.filter(other => other === key).length)
  }) as SendOperation
  return { sent, send }
}

const done: GraphqlResult = { data: { place: { __typename: 'OrderAccepted' } } }
const failed = (code: string, more: object = {}): GraphqlResult => ({
  data: null,
  errors: [{ message: code, extensions: { code, ...more } }],
})
const command = (key: string, group?: string) => ({
  query: 'mutation ($key: String!) { place(key: $key) { __typename } }',
  variables: (key: string) => ({ key }),
  key,
  ...(group !== undefined && { group }),
})

describe('a command', () => {
  test('has a key before it is sent, and ends with its result', async () => {
    const { send, sent } = server(() => done)
    const outbox = openOutbox({ send })
    const { query, variables } = command('')
    const { key, result } = await outbox.add({ query, variables })
    expect(key).toMatch(/^[0-9a-f]{32}$/)
    expect(await result).toEqual({ kind: 'answered', data: done.data, errors: [] })
    expect(sent).toEqual([key])
    expect(await outbox.commands()).toEqual([])
  })

  test.each<[string, () => GraphqlResult | Promise<GraphqlResult>]>([
    ['a broken network', () => Promise.reject(new TypeError('fetch failed'))],
    ['a proxy that answers', () => Promise.reject(new HttpFault(502, undefined))],
    ['UNAVAILABLE', () => failed('UNAVAILABLE')],
    ['RATE_LIMITED', () => failed('RATE_LIMITED', { retryAfterSeconds: 0.01 })],
    ['UNAUTHENTICATED', () => failed('UNAUTHENTICATED')],
    ['INTERNAL', () => failed('INTERNAL')],
    ['a null with UNAVAILABLE', () => ({ ...failed('UNAVAILABLE'), data: { place: null } })],
  ])('is sent again under its key after %s', async (_what, fault) => {
    const { send, sent } = server((_key, count) => (count < 3 ? fault() : done))
    const { result } = await openOutbox({ send }).add(command('k'))
    expect((await result).kind).toBe('answered')
    expect(sent).toEqual(['k', 'k', 'k'])
  })

  test('waits for as long as the server asks', async () => {
    const times: number[] = []
    const { send } = server((_key, count) => {
      times.push(performance.now())
      return count === 1 ? failed('RATE_LIMITED', { retryAfterSeconds: 0.3 }) : done
    })
    await (await openOutbox({ send }).add(command('k'))).result
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(290)
  })

  test('that gets no answer in time is sent again', async () => {
    const { send, sent } = server((_key, count) => (count === 1 ? new Promise(() => {}) : done))
    const { result } = await openOutbox({ send, timeoutMs: 20 }).add(command('k'))
    expect((await result).kind).toBe('answered')
    expect(sent).toEqual(['k', 'k'])
  })

  test('that is added twice under one key is sent once, and both get the result', async () => {
    const answer = Promise.withResolvers<GraphqlResult>()
    const { send, sent } = server(() => answer.promise)
    const outbox = openOutbox({ send })
    const both = await Promise.all([outbox.add(command('cart')), outbox.add(command('cart'))])
    answer.resolve(done)
    expect((await Promise.all(both.map(({ result }) => result))).map(({ kind }) => kind)).toEqual([
      'answered',
      'answered',
    ])
    expect(sent).toEqual(['cart'])
  })

  test('is sent after a restart when its tab ended before the answer, and its result is told', async () => {
    const store = memoryStore()
    const lost = server(() => new Promise(() => {}))
    const first = openOutbox({ send: lost.send, store, owner: 'restarted' })
    await first.add(command('k'))
    await vi.waitFor(() => expect(lost.sent).toEqual(['k']), WAIT)
    first.close()
    const told: unknown[] = []
    const { send } = server(() => done)
    openOutbox({
      send,
      store,
      owner: 'restarted',
      onResult: ({ key }, { kind }) => void told.push([key, kind]),
    })
    await vi.waitFor(() => expect(told).toEqual([['k', 'answered']]), WAIT)
  })

  test('is left to the next tab when the answer comes after its own was closed', async () => {
    const answer = Promise.withResolvers<GraphqlResult>()
    const { send, sent } = server((_key, count) => (count === 1 ? answer.promise : done))
    const store = memoryStore()
    const told: string[] = []
    const note = (tab: string) => () => void told.push(tab)
    const first = openOutbox({ send, store, owner: 'late', onResult: note('first') })
    await first.add(command('k'))
    await vi.waitFor(() => expect(sent).toEqual(['k']), WAIT)
    first.close()
    answer.resolve(done)
    openOutbox({ send, store, owner: 'late', onResult: note('second') })
    await vi.waitFor(() => expect(store.kept.size).toBe(0), WAIT)
    expect(told).toEqual(['second'])
  })

  test('is kept until the app has taken note of its result', async () => {
    const store = memoryStore()
    const { send, sent } = server(() => done)
    let tries = 0
    const outbox = openOutbox({
      send,
      store,
      onResult() {
        tries += 1
        expect(store.kept.size).toBe(1)
        if (tries === 1) throw new Error('the disk of the app is full')
      },
    })
    await (await outbox.add(command('k'))).result
    expect(store.kept.size).toBe(0)
    expect(sent).toEqual(['k', 'k'])
  })
})

describe('the commands of a group', () => {
  test('are sent in order, each after the one before has ended; other groups do not wait', async () => {
    const log: string[] = []
    const slow = Promise.withResolvers<void>()
    const { send } = server(async (key, count) => {
      log.push(`${key} sent`)
      if (key === 'a1' && count === 1) return failed('UNAVAILABLE')
      if (key === 'a1') await slow.promise
      log.push(`${key} answered`)
      if (key === 'b1') slow.resolve()
      return done
    })
    const outbox = openOutbox({ send, parallel: 2 })
    const added = ['a1', 'a2', 'b1', 'a3'].map(key => outbox.add(command(key, key[0])))
    for (const { result } of await Promise.all(added)) await result
    expect(log.filter(line => line.startsWith('a'))).toEqual([
      'a1 sent',
      'a1 sent',
      'a1 answered',
      'a2 sent',
      'a2 answered',
      'a3 sent',
      'a3 answered',
    ])
    expect(log.indexOf('b1 answered')).toBeLessThan(log.indexOf('a1 answered'))
  })

  test('wait behind one that is parked, until it is sent again or discarded', async () => {
    let mended = false
    const { send, sent } = server(key => (key === 'bad' && !mended ? failed('FORBIDDEN') : done))
    const outbox = openOutbox({ send })
    const bad = await outbox.add(command('bad', 'order'))
    const behind = await outbox.add(command('behind', 'order'))
    expect(await bad.result).toMatchObject({ kind: 'parked', errors: [{ message: 'FORBIDDEN' }] })
    const other = await outbox.add(command('other'))
    await other.result
    expect(sent).toEqual(['bad', 'other'])
    expect((await outbox.commands()).map(({ key, parked }) => [key, parked !== null])).toEqual([
      ['bad', true],
      ['behind', false],
    ])
    mended = true
    await outbox.retry('bad')
    expect((await behind.result).kind).toBe('answered')
    expect(sent).toEqual(['bad', 'other', 'bad', 'behind'])
  })

  test('go on when the one before them is discarded', async () => {
    const { send } = server(key => (key === 'bad' ? failed('BAD_USER_INPUT') : done))
    const outbox = openOutbox({ send })
    const told: OutboxResult<unknown>['kind'][] = []
    const bad = await outbox.add(command('bad', 'order'))
    const behind = await outbox.add(command('behind', 'order'))
    told.push((await bad.result).kind)
    await outbox.discard('bad')
    told.push((await behind.result).kind)
    expect(told).toEqual(['parked', 'answered'])
  })
})

describe('an outbox', () => {
  test('parks a command that meets faults again and again', async () => {
    const { send, sent } = server(() => failed('INTERNAL'))
    const { result } = await openOutbox({ send, maxFaults: 3 }).add(command('k'))
    expect((await result).kind).toBe('parked')
    expect(sent).toHaveLength(3)
  })

  test('takes no more than it may hold', async () => {
    const { send } = server(() => new Promise(() => {}))
    const outbox = openOutbox({ send, most: 2 })
    await outbox.add(command('one'))
    await outbox.add(command('two'))
    await expect(outbox.add(command('three'))).rejects.toThrow('the outbox is full: it has 2 commands')
    await expect(outbox.add(command('two'))).resolves.toMatchObject({ key: 'two' })
  })

  test('gives up what became too old, and says whether it may have been carried out', async () => {
    const now = Date.now
    const { send } = server(() => {
      vi.spyOn(Date, 'now').mockImplementation(() => now() + 8 * 86_400_000)
      return failed('UNAVAILABLE')
    })
    const outbox = openOutbox({ send })
    const { result } = await outbox.add(command('k'))
    expect(await result).toEqual({ kind: 'expired', attempted: true })
    expect(await outbox.commands()).toEqual([])
  })

  test('sends in one tab at a time, and in the next when that one closes; both hear of results', async () => {
    const store = memoryStore()
    const one = server(() => new Promise(() => {}))
    const two = server(() => done)
    const first = openOutbox({ send: one.send, store, owner: 'tabs' })
    const second = openOutbox({ send: two.send, store, owner: 'tabs' })
    const { result } = await second.add(command('k'))
    await vi.waitFor(() => expect(one.sent).toEqual(['k']), WAIT)
    expect(two.sent).toEqual([])
    first.close()
    expect((await result).kind).toBe('answered')
    expect(two.sent).toEqual(['k'])
  })

  test('without Web Locks takes turns by a lease in the store', async () => {
    vi.stubGlobal('navigator', {})
    const store = memoryStore()
    const one = server(() => done)
    const two = server(() => done)
    const first = openOutbox({ send: one.send, store, owner: 'leased' })
    await delay(0)
    const second = openOutbox({ send: two.send, store, owner: 'leased' })
    await (await second.add(command('k'))).result
    expect([one.sent, two.sent]).toEqual([['k'], []])
    first.close()
    expect((await (await second.add(command('l'))).result).kind).toBe('answered')
    expect(two.sent).toEqual(['l'])
  })

  test('tells listeners when its commands change', async () => {
    const { send } = server(() => done)
    const outbox = openOutbox({ send })
    const counts: number[] = []
    outbox.onChange(() => void outbox.commands().then(found => counts.push(found.length)))
    await (await outbox.add(command('k'))).result
    await vi.waitFor(() => expect(counts.at(-1)).toBe(0), WAIT)
    expect(counts).toContain(1)
  })
})
