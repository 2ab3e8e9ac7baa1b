// Headlines to read live: a reader holds its place, never a queue, and one that falls behind skips to the newest.
import type { SharedStream } from '#bff/order-feed/change.ts'

export type Headline = { readonly cursor: string; readonly text: string }

const KEPT = 100

export function createNewsroom() {
  let headlines: Headline[] = []
  let published = 0
  const waiting = new Set<() => void>()
  let readers = 0

  function read(after: string | undefined, audience: string | undefined): SharedStream<Headline> {
    let place = after === undefined ? published : Number(after)
    let over = false
    let wake: (() => void) | undefined
    readers += 1
    const end = () => {
      if (over) return
      over = true
      readers -= 1
      wake?.()
    }
    const next = async (): Promise<IteratorResult<Headline>> => {
      while (!over && place >= published) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        waiting.add(resolve)
        await promise
      }
      if (over) return { done: true, value: undefined }
      const oldest = published - headlines.length
      const behind = place < oldest
      place = behind ? published : place + 1
      const headline = headlines[place - oldest - 1]
      if (headline === undefined) throw new Error('there is no such headline')
      return { done: false, value: headline }
    }
    const stream = {
      next,
      async return(): Promise<IteratorResult<Headline>> {
        end()
        return { done: true, value: undefined }
      },
      [Symbol.asyncIterator]: () => stream,
      audience,
    }
    return stream
  }

  return {
    read,
    /** Its number, which is its cursor. */
    publish(text: string): number {
      published += 1
      headlines = [...headlines, { cursor: String(published), text }].slice(-KEPT)
      for (const wake of waiting) wake()
      waiting.clear()
      return published
    },
    readers: () => readers,
  }
}
