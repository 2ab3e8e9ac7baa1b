// Answers of live operations as bytes, made once for all who see the same. Free of transport and of execution.

/** One execution result. `closed` is its JSON and a `}` behind it, which ends the message of a WebSocket as well. */
export type EncodedResult = {
  readonly closed: Buffer
  /** Where to go on behind it, when its item says so. */
  readonly cursor: string | undefined
  /** Its event for event streams, kept once one has asked for it. */
  event: Buffer | undefined
}

export type MaybePromise<T> = T | Promise<T>

/** Answers of one group of operations: those that see the same in the same item. */
export type ResultGroup = Disposable & {
  /** The answer that somebody of the group had `make` for this very item, or the one that it makes now. */
  resultFor(item: unknown, make: (item: unknown) => MaybePromise<EncodedResult>): MaybePromise<EncodedResult>
}

/** What an event stream may carry as an id: one line without NUL. */
const CURSOR = /^[\x20-\x7e]{1,1024}$/

export function encodeResult(result: object, item?: unknown): EncodedResult {
  return { closed: Buffer.from(`${JSON.stringify(result)}}`), cursor: cursorOf(item), event: undefined }
}

/** Of a result that is JSON text already. */
export function encodeResultText(text: string, cursor?: string): EncodedResult {
  const fits = cursor !== undefined && CURSOR.test(cursor)
  return { closed: Buffer.from(`${text}}`), cursor: fits ? cursor : undefined, event: undefined }
}

/** The JSON alone. */
export function resultJson({ closed }: EncodedResult): Buffer {
  return closed.subarray(0, closed.length - 1)
}

function cursorOf(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null || !('cursor' in item)) return undefined
  return typeof item.cursor === 'string' && CURSOR.test(item.cursor) ? item.cursor : undefined
}

type Group = { readonly answers: WeakMap<object, MaybePromise<EncodedResult>>; members: number }

/**
 * Joins operations with equal keys for as long as they last. Answers are kept by the identity of their items, and go
 * when the items go. Disposing leaves the group.
 */
export function createResultGroups(): { join(key: string): ResultGroup } {
  const groups = new Map<string, Group>()
  return {
    join(key) {
      const group = groups.get(key) ?? { answers: new WeakMap(), members: 0 }
      groups.set(key, group)
      group.members += 1
      let left = false
      return {
        resultFor: (item, make) => answerIn(group, item, make),
        [Symbol.dispose]() {
          if (left) return
          left = true
          group.members -= 1
          if (group.members === 0) groups.delete(key)
        },
      }
    },
  }
}

function answerIn(
  { answers }: Group,
  item: unknown,
  make: (item: unknown) => MaybePromise<EncodedResult>,
): MaybePromise<EncodedResult> {
  if (typeof item !== 'object' || item === null) return make(item)
  const found = answers.get(item)
  if (found !== undefined) return found
  const made = make(item)
  answers.set(item, made)
  if (made instanceof Promise)
    made.then(
      answer => answers.set(item, answer),
      () => answers.delete(item),
    )
  return made
}
