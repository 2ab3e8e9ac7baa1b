import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type BroadcastOptions, createBroadcast } from '#gateway/subscriptions/broadcast.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function create(options: Partial<BroadcastOptions<string>> = {}) {
  const onEmpty = vi.fn()
  const broadcast = createBroadcast<string>({
    maxItems: 4,
    maxBytes: 1000,
    maxWaitMs: 100,
    bytesOf: item => item.length,
    tooSlow: () => new Error('too slow'),
    onEmpty,
    ...options,
  })
  const push = (...items: string[]) => {
    for (const item of items) broadcast.push(item)
  }
  return { ...broadcast, onEmpty, push }
}

async function take(reader: AsyncIterator<string>, count: number): Promise<string[]> {
  const items: string[] = []
  for (let index = 0; index < count; index++) items.push((await reader.next()).value)
  return items
}

describe('a reader', () => {
  it('gets what is pushed from when it came, in order, whether it waits or not', async () => {
    const { read, push } = create()
    push('before')
    const one = read()
    push('a')
    const other = read()
    const waited = other.next()
    push('b', 'c')
    expect(await take(one, 3)).toEqual(['a', 'b', 'c'])
    expect(await waited).toEqual({ done: false, value: 'b' })
    expect(await take(other, 1)).toEqual(['c'])
  })

  it('ends after what was pushed, with the failure where there is one', async () => {
    const ending = create()
    const one = ending.read()
    ending.push('a')
    ending.end()
    expect(await take(one, 1)).toEqual(['a'])
    expect(await one.next()).toEqual({ done: true, value: undefined })
    const failing = create()
    const other = failing.read()
    const waited = other.next()
    failing.end({ error: new Error('gone') })
    await expect(waited).rejects.toThrow('gone')
  })

  it('that has left gets no more, and the last one to leave is told of', async () => {
    const { read, push, onEmpty } = create()
    const [one, other] = [read(), read()]
    const waited = one.next()
    await one.return?.()
    push('a')
    expect(await waited).toEqual({ done: true, value: undefined })
    expect(onEmpty).not.toHaveBeenCalled()
    await other.return?.()
    await other.return?.()
    expect(onEmpty).toHaveBeenCalledOnce()
  })
})

describe('room', () => {
  it('is there until a reader is half as far behind as it may be, and again when it has read', async () => {
    const { read, push, room } = create()
    const reader = read()
    push('a')
    expect(room()).toBeUndefined()
    push('b')
    const waited = room()
    expect(waited).toBeInstanceOf(Promise)
    await take(reader, 1)
    await waited
    expect(room()).toBeUndefined()
  })

  it('goes by bytes as well', () => {
    const { read, push, room } = create({ maxBytes: 10 })
    read()
    push('12345')
    expect(room()).toBeInstanceOf(Promise)
  })

  it('is waited for only so long where another reader has it, and then not for the slow one until it caught up', async () => {
    const { read, push, room } = create()
    const [fast, slow] = [read(), read()]
    push('a', 'b')
    await take(fast, 2)
    const waited = room()
    expect(waited).toBeInstanceOf(Promise)
    vi.advanceTimersByTime(100)
    await waited
    push('c')
    await take(fast, 1)
    expect(room()).toBeUndefined()
    expect(await take(slow, 3)).toEqual(['a', 'b', 'c'])
    push('d', 'e')
    await take(fast, 2)
    expect(room()).toBeInstanceOf(Promise)
  })

  it('is waited for without end where all are slow', async () => {
    const { read, push, room } = create()
    const reader = read()
    push('a', 'b')
    const waited = room()
    const got = vi.fn()
    void waited?.then(got)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(got).not.toHaveBeenCalled()
    push('c', 'd', 'e', 'f')
    expect(await take(reader, 6)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    await waited
  })

  it('comes when the reader that was waited for leaves', async () => {
    const { read, push, room } = create()
    const [fast, slow] = [read(), read()]
    push('a', 'b')
    await take(fast, 2)
    const waited = room()
    await slow.return?.()
    await waited
  })
})

describe('a slow reader', () => {
  it('is cut off when it is further behind than it may be, and lets go of what it has not read', async () => {
    const { read, push, room } = create()
    const [fast, slow] = [read(), read()]
    push('a', 'b')
    await take(fast, 2)
    void room()
    vi.advanceTimersByTime(100)
    push('c', 'd')
    await take(fast, 2)
    push('e')
    await expect(slow.next()).rejects.toThrow('too slow')
    expect(await slow.next()).toEqual({ done: true, value: undefined })
    expect(await take(fast, 1)).toEqual(['e'])
  })

  it('is not cut off for an item that is too large for any', async () => {
    const { read, push } = create({ maxBytes: 3 })
    const reader = read()
    push('far too large')
    expect(await take(reader, 1)).toEqual(['far too large'])
  })
})
