// One sequence of items for many readers, each at its own pace within a bound. Free of what the items are.

export type Broadcast<T> = {
  /** Resolves when there is room for more: in all readers but those that are slow. Undefined when there is. */
  room(): Promise<void> | undefined
  push(item: T): void
  /** After what was pushed, readers end, or throw `failure`. */
  end(failure?: { readonly error: unknown }): void
  /** Reads what is pushed from now on. */
  read(): AsyncIterator<T>
}

export type BroadcastOptions<T> = {
  /** How far a slow reader may be behind the newest item. One that is further behind throws `tooSlow()`. */
  readonly maxItems: number
  readonly maxBytes: number
  /** How long all wait for one that is half as far behind. It is slow from then on, until it has caught up. */
  readonly patienceMs: number
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
type Reader<T> = { at: Link<T>; slow: boolean; cut: boolean; wake: (() => void) | undefined }

/** Readers share the items that they have not read: memory is bounded however many there are. */
export function createBroadcast<T>(options: BroadcastOptions<T>): Broadcast<T> {
  const { maxItems, maxBytes, patienceMs } = options
  const readers = new Set<Reader<T>>()
  let newest: Link<T> = { item: undefined, number: 0, bytes: 0, next: undefined }
  let ended: { readonly failure: { readonly error: unknown } | undefined } | undefined
  let waiting: { readonly room: PromiseWithResolvers<void>; readonly patience: NodeJS.Timeout } | undefined

  const share = ({ at }: Reader<T>): number =>
    Math.max((newest.number - at.number) / maxItems, (newest.bytes - at.bytes) / maxBytes)

  const isBehind = (reader: Reader<T>): boolean => share(reader) >= 0.5

  /** Where all are slow, they set the pace. */
  function hasRoom(): boolean {
    const paced = [...readers].filter(({ slow }) => !slow)
    return paced.length > 0 ? !paced.some(isBehind) : readers.size === 0
  }

  function losePatience(): void {
    for (const reader of readers) if (isBehind(reader)) reader.slow = true
    giveRoom()
  }

  function leave(reader: Reader<T>): void {
    if (!readers.delete(reader)) return
    if (readers.size === 0) options.deserted()
    giveRoom()
  }

  function giveRoom(): void {
    if (!waiting || !hasRoom()) return
    clearTimeout(waiting.patience)
    waiting.room.resolve()
    waiting = undefined
  }

  /** It lets go of what it has not read. */
  function cutOff(reader: Reader<T>): void {
    reader.cut = true
    reader.at = newest
  }

  async function take(reader: Reader<T>): Promise<IteratorResult<T>> {
    for (;;) {
      if (!readers.has(reader)) return { done: true, value: undefined }
      if (reader.cut) {
        leave(reader)
        throw options.tooSlow()
      }
      const { next } = reader.at
      if (next?.item !== undefined) {
        reader.at = next
        if (reader.slow && !isBehind(reader)) reader.slow = false
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
      waiting ??= { room: Promise.withResolvers(), patience: setTimeout(losePatience, patienceMs) }
      return waiting.room.promise
    },
    push(item) {
      if (ended) return
      const { number, bytes } = newest
      const link = { item, number: number + 1, bytes: bytes + options.bytesOf(item), next: undefined }
      newest.next = link
      newest = link
      if (!readers.values().some(({ slow }) => !slow)) return wakeAll()
      for (const reader of readers) if (reader.slow && share(reader) > 1) cutOff(reader)
      wakeAll()
    },
    end(failure) {
      if (ended) return
      ended = { failure }
      wakeAll()
    },
    read() {
      const reader: Reader<T> = { at: newest, slow: false, cut: false, wake: undefined }
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
