// One sequence of items for many readers, each at its own pace within a bound. Free of what the items are.

export type Broadcast<T> = {
  /** Resolves when the fastest reader has room for more; undefined when it has. */
  room(): Promise<void> | undefined
  push(item: T): void
  /** After what was pushed, readers end, or throw `failure`. */
  end(failure?: { readonly error: unknown }): void
  /** Reads what is pushed from now on. */
  read(): AsyncIterator<T>
}

export type BroadcastOptions<T> = {
  /** How far the slowest reader may be behind the newest item. One that is further behind throws `tooSlow()`. */
  readonly maxItems: number
  readonly maxBytes: number
  readonly bytesOf: (item: T) => number
  readonly tooSlow: () => unknown
  /** Called when the last reader has left. */
  readonly deserted: () => void
}

/** `number` and `bytes` count from the beginning up to and with it. */
type Link<T> = {
  readonly item: T | undefined
  readonly number: number
  readonly bytes: number
  next: Link<T> | undefined
}
type Reader<T> = { at: Link<T>; cut: boolean; wake: (() => void) | undefined }

/** Readers share the items that they have not read: memory is bounded however many there are. */
export function createBroadcast<T>(options: BroadcastOptions<T>): Broadcast<T> {
  const { maxItems, maxBytes } = options
  const readers = new Set<Reader<T>>()
  let newest: Link<T> = { item: undefined, number: 0, bytes: 0, next: undefined }
  let ended: { readonly failure: { readonly error: unknown } | undefined } | undefined
  let roomFor: PromiseWithResolvers<void> | undefined

  const share = ({ at }: Reader<T>): number =>
    Math.max((newest.number - at.number) / maxItems, (newest.bytes - at.bytes) / maxBytes)

  function hasRoom(): boolean {
    for (const reader of readers) if (share(reader) < 0.5) return true
    return readers.size === 0
  }

  function leave(reader: Reader<T>): void {
    if (!readers.delete(reader)) return
    if (readers.size === 0) options.deserted()
    giveRoom()
  }

  function giveRoom(): void {
    if (!roomFor || !hasRoom()) return
    roomFor.resolve()
    roomFor = undefined
  }

  /** It lets go of what it has not read. */
  function cutOff(reader: Reader<T>): void {
    reader.cut = true
    reader.at = newest
  }

  async function take(reader: Reader<T>): Promise<IteratorResult<T>> {
    for (;;) {
      if (reader.cut) {
        leave(reader)
        throw options.tooSlow()
      }
      if (!readers.has(reader)) return { done: true, value: undefined }
      const { next } = reader.at
      if (next?.item !== undefined) {
        reader.at = next
        giveRoom()
        return { done: false, value: next.item }
      }
      if (ended) {
        leave(reader)
        if (ended.failure) throw ended.failure.error
        return { done: true, value: undefined }
      }
      await new Promise<void>(resolve => {
        reader.wake = resolve
      })
    }
  }

  function wakeAll(): void {
    for (const reader of readers) {
      reader.wake?.()
      reader.wake = undefined
    }
  }

  return {
    room() {
      if (hasRoom()) return undefined
      roomFor ??= Promise.withResolvers()
      return roomFor.promise
    },
    push(item) {
      if (ended) return
      const { number, bytes } = newest
      const link = { item, number: number + 1, bytes: bytes + options.bytesOf(item), next: undefined }
      newest.next = link
      newest = link
      for (const reader of readers) if (share(reader) > 1 && reader.at.next !== link) cutOff(reader)
      wakeAll()
    },
    end(failure) {
      if (ended) return
      ended = { failure }
      wakeAll()
    },
    read() {
      const reader: Reader<T> = { at: newest, cut: false, wake: undefined }
      readers.add(reader)
      return {
        next: () => take(reader),
        async return() {
          leave(reader)
          reader.wake?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}
