// Broadcasts one sequence of items to many readers, each at its own pace within a bound.

export type Broadcast<T> = {
  /** Returns undefined when there is room for more, else a promise that resolves once all readers but slow ones have room. */
  room(): Promise<void> | undefined
  push(item: T): void
  /** After the items that were pushed, readers end, or throw `failure`. */
  end(failure?: { readonly error: unknown }): void
  /** Reads the items that are pushed from now on. */
  read(): AsyncIterator<T>
}

export type BroadcastOptions<T> = {
  /** How far a slow reader may be behind the newest item. One that is further behind throws `tooSlow()`. */
  readonly maxItems: number
  readonly maxBytes: number
  /** How long all wait for a reader that is half as far behind. It is slow from then on, until it has caught up. */
  readonly maxWaitMs: number
  readonly bytesOf: (item: T) => number
  readonly tooSlow: () => unknown
  /** Called when the last reader has left. */
  readonly onEmpty: () => void
}

/** `number` and `bytes` count from the first item to this one. */
type Link<T> = {
  readonly item: T | undefined
  readonly number: number
  readonly bytes: number
  next: Link<T> | undefined
}
type Reader<T> = { at: Link<T>; slow: boolean; cut: boolean; wake: (() => void) | undefined }

type State<T> = BroadcastOptions<T> & {
  readonly readers: Set<Reader<T>>
  newest: Link<T>
  ended: { readonly failure: { readonly error: unknown } | undefined } | undefined
  /** Pending while there is no room. */
  waiting: { readonly room: PromiseWithResolvers<void>; readonly timeout: NodeJS.Timeout } | undefined
}

/** Readers share the items that they have not read, so that memory is bounded however many readers there are. */
export function createBroadcast<T>(options: BroadcastOptions<T>): Broadcast<T> {
  const newest = { item: undefined, number: 0, bytes: 0, next: undefined }
  const state: State<T> = { ...options, readers: new Set(), newest, ended: undefined, waiting: undefined }
  return {
    room: () => roomIn(state),
    push: item => push(item, state),
    end: failure => end(failure, state),
    read: () => read(state),
  }
}

function roomIn<T>(state: State<T>): Promise<void> | undefined {
  if (hasRoom(state)) return undefined
  state.waiting ??= {
    room: Promise.withResolvers(),
    timeout: setTimeout(() => markSlow(state), state.maxWaitMs),
  }
  return state.waiting.room.promise
}

function push<T>(item: T, state: State<T>): void {
  if (state.ended) return
  const { newest, readers } = state
  const { number, bytes } = newest
  const link = { item, number: number + 1, bytes: bytes + state.bytesOf(item), next: undefined }
  newest.next = link
  state.newest = link
  if (readers.values().some(({ slow }) => !slow))
    for (const reader of readers) if (reader.slow && lag(reader, state) > 1) cutOff(reader, state)
  wakeAll(state)
}

function end<T>(failure: { readonly error: unknown } | undefined, state: State<T>): void {
  if (state.ended) return
  state.ended = { failure }
  wakeAll(state)
}

function read<T>(state: State<T>): AsyncIterator<T> {
  const reader: Reader<T> = { at: state.newest, slow: false, cut: false, wake: undefined }
  state.readers.add(reader)
  return {
    next: () => take(reader, state),
    async return() {
      leave(reader, state)
      reader.wake?.()
      return { done: true, value: undefined }
    },
  }
}

async function take<T>(reader: Reader<T>, state: State<T>): Promise<IteratorResult<T>> {
  for (;;) {
    if (!state.readers.has(reader)) return { done: true, value: undefined }
    if (reader.cut) {
      leave(reader, state)
      throw state.tooSlow()
    }
    const { next } = reader.at
    if (next?.item !== undefined) {
      reader.at = next
      if (reader.slow && !isBehind(reader, state)) reader.slow = false
      giveRoom(state)
      return { done: false, value: next.item }
    }
    if (state.ended) {
      leave(reader, state)
      if (state.ended.failure) throw state.ended.failure.error
      return { done: true, value: undefined }
    }
    await new Promise<void>(resolve => {
      reader.wake = resolve
    })
  }
}

/** Returns how far the reader is behind the newest item, as a share of how far it may be. */
function lag<T>({ at }: Reader<T>, { newest, maxItems, maxBytes }: State<T>): number {
  return Math.max((newest.number - at.number) / maxItems, (newest.bytes - at.bytes) / maxBytes)
}

function isBehind<T>(reader: Reader<T>, state: State<T>): boolean {
  return lag(reader, state) >= 0.5
}

/** Slow readers set the pace only where all readers are slow. */
function hasRoom<T>(state: State<T>): boolean {
  const paced = [...state.readers].filter(({ slow }) => !slow)
  return paced.length > 0 ? !paced.some(reader => isBehind(reader, state)) : state.readers.size === 0
}

function giveRoom<T>(state: State<T>): void {
  const { waiting } = state
  if (!waiting || !hasRoom(state)) return
  clearTimeout(waiting.timeout)
  waiting.room.resolve()
  state.waiting = undefined
}

function markSlow<T>(state: State<T>): void {
  for (const reader of state.readers) if (isBehind(reader, state)) reader.slow = true
  giveRoom(state)
}

/** Releases the items that the reader has not read. */
function cutOff<T>(reader: Reader<T>, { newest }: State<T>): void {
  reader.cut = true
  reader.at = newest
}

function leave<T>(reader: Reader<T>, state: State<T>): void {
  if (!state.readers.delete(reader)) return
  if (state.readers.size === 0) state.onEmpty()
  giveRoom(state)
}

function wakeAll<T>({ readers }: State<T>): void {
  for (const reader of readers) {
    reader.wake?.()
    reader.wake = undefined
  }
}
