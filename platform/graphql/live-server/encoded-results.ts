// Encodes execution results as bytes, once for all operations that see the same in an item.
import { isObject } from '#platform/domain/json.ts'

/** An execution result. `closed` is its JSON and a `}` after it, which ends the message of a WebSocket as well. */
export type EncodedResult = {
  readonly closed: Buffer
  /** Where to resume after it, when its item says so. */
  readonly cursor: string | undefined
  /** Its server-sent event, kept once a stream has asked for it. */
  event: Buffer | undefined
}

export type MaybePromise<T> = T | Promise<T>

/** The results of operations that see the same in the same item. Disposing leaves the group. */
type ResultGroup = Disposable & {
  /** Returns the result that a member of the group had `make` for this very item, or makes it now. */
  resultFor(item: unknown, make: (item: unknown) => MaybePromise<EncodedResult>): MaybePromise<EncodedResult>
}

/** The id of an event in a stream must be one line without NUL. */
const CURSOR = /^[\x20-\x7e]{1,1024}$/

export function encodeResult(result: object, item?: unknown): EncodedResult {
  const cursor = isObject(item) ? item.cursor : undefined
  return encodeResultText(JSON.stringify(result), typeof cursor === 'string' ? cursor : undefined)
}

/** Encodes a result that is JSON text already. */
export function encodeResultText(text: string, cursor?: string): EncodedResult {
  const isValid = cursor !== undefined && CURSOR.test(cursor)
  return { closed: Buffer.from(`${text}}`), cursor: isValid ? cursor : undefined, event: undefined }
}

/** Returns the JSON alone. */
export function resultJson({ closed }: EncodedResult): Buffer {
  return closed.subarray(0, closed.length - 1)
}

type Group = { readonly results: WeakMap<object, MaybePromise<EncodedResult>>; members: number }

/** Groups operations by key for as long as they last. Results are kept by the identity of their items, and go with them. */
export function createResultGroups(): { join(key: string): ResultGroup } {
  const groups = new Map<string, Group>()
  return {
    join(key) {
      const group = groups.get(key) ?? { results: new WeakMap(), members: 0 }
      groups.set(key, group)
      group.members += 1
      let left = false
      return {
        resultFor: (item, make) => resultIn(group, item, make),
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

function resultIn(
  { results }: Group,
  item: unknown,
  make: (item: unknown) => MaybePromise<EncodedResult>,
): MaybePromise<EncodedResult> {
  if (typeof item !== 'object' || item === null) return make(item)
  const found = results.get(item)
  if (found !== undefined) return found
  const made = make(item)
  results.set(item, made)
  if (made instanceof Promise)
    made.then(
      result => results.set(item, result),
      () => results.delete(item),
    )
  return made
}
