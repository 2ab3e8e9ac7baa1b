// A feed of headlines for live readers: each keeps its position, and one that falls behind skips to the newest.
import type { SharedStream } from '#bff/order-feed/change.ts'

export type Headline = { readonly cursor: string; readonly text: string }

const KEPT = 100

export function createHeadlineFeed() {
  let headlines: Headline[] = []
  let published = 0
  const waiting = new Set<() => void>()
  let readers = 0

  function read(after: string | undefined, audience: string | undefined): SharedStream<Headline> {
    let position = after === undefined ? published : Number(after)
    let over = false
    let wakeUp: (() => void) | undefined
    readers += 1
    const end = () => {
      if (over) return
      over = true
      readers -= 1
      wakeUp?.()
    }
    const next = async (): Promise<IteratorResult<Headline>> => {
      while (!over && position >= published) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wakeUp = resolve
        waiting.add(resolve)
        await promise
      }
      if (over) return { done: true, value: undefined }
      const oldest = published - headlines.length
      const behind = position < oldest
      position = behind ? published : position + 1
      const headline = headlines[position - oldest - 1]
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
      for (const wakeUp of waiting) wakeUp()
      waiting.clear()
      return published
    },
    readers: () => readers,
  }
}
