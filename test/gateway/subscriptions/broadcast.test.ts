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
  it('gets the items that are pushed after it joined, in order, whether it waits for them or not', async () => {
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

  it('ends after the last item, with the failure when there is one', async () => {
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

  it('gets no more items once it has left, and the last one to leave empties the broadcast', async () => {
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
  it('ends when a reader is half as far behind as it may be, and returns when it has read', async () => {
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

  it('is limited by bytes as well as by items', () => {
    const { read, push, room } = create({ maxBytes: 10 })
    read()
    push('12345')
    expect(room()).toBeInstanceOf(Promise)
  })

  it('does not wait for a slow reader past the maximum wait, until that reader has caught up', async () => {
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

  it('waits without limit when all readers are slow', async () => {
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

  it('returns when the reader that was behind leaves', async () => {
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
  it('is cut off when it is further behind than allowed, and releases its unread items', async () => {
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

  it('is not cut off for a single item that is larger than the limit', async () => {
    const { read, push } = create({ maxBytes: 3 })
    const reader = read()
    push('far too large')
    expect(await take(reader, 1)).toEqual(['far too large'])
  })
})
