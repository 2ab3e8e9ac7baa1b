// Takes items from a source as fast as one reader can be written to, and no faster. Free of GraphQL and of transport.
import type { EncodedResult, MaybePromise } from '#platform/graphql/live-server/encoded-results.ts'

/** One reader's end. After `fail` or `complete` nothing more is called. */
export type Sink = {
  /** False while its buffer is full; whoever has it calls `resume` of the delivery when it is not any more. */
  ready(): boolean
  next(answer: EncodedResult): void
  fail(error: unknown): void
  complete(): void
}

export type Pump = {
  /** The sink may have become ready. */
  resume(): void
  /** Nothing is written any more; the source is told that nobody reads. */
  stop(): void
}

/** A source that always has something next lets others have their turn after so many items. */
const ITEMS_A_TURN = 64

/**
 * The source is asked for its next item only when the sink can take it: who reads slowly holds one item here, and what
 * comes meanwhile is the source's to keep, to join or to drop.
 */
export function startPump(
  source: AsyncIterator<unknown>,
  answerOf: (item: unknown) => MaybePromise<EncodedResult>,
  sink: Sink,
): Pump {
  let over = false
  let held: EncodedResult | undefined
  let waiting = false
  let turn = 0

  const fail = (error: unknown) => {
    if (over) return
    over = true
    sink.fail(error)
    leave(source)
  }
  const send = (answer: EncodedResult) => {
    if (over) return
    if (!sink.ready()) {
      held = answer
      return
    }
    sink.next(answer)
    if (sink.ready()) pull()
    else waiting = true
  }
  const take = (result: IteratorResult<unknown>) => {
    if (over) return
    if (result.done) {
      over = true
      return sink.complete()
    }
    try {
      const answer = answerOf(result.value)
      if (answer instanceof Promise) answer.then(send, fail)
      else send(answer)
    } catch (error) {
      fail(error)
    }
  }
  const ask = () => {
    if (!over) source.next().then(take, fail)
  }
  const pull = () => {
    turn += 1
    if (turn % ITEMS_A_TURN === 0) setImmediate(ask)
    else ask()
  }

  ask()
  return {
    resume() {
      if (over || !sink.ready()) return
      if (held) {
        const answer = held
        held = undefined
        send(answer)
      } else if (waiting) {
        waiting = false
        pull()
      }
    },
    stop() {
      if (over) return
      over = true
      held = undefined
      leave(source)
    },
  }
}

/** A source that fails as it is left has nobody to tell. */
function leave(source: AsyncIterator<unknown>): void {
  source.return?.().catch(() => undefined)
}

/** A source of one item. */
export async function* singleItem(item: unknown): AsyncGenerator<unknown> {
  yield item
}
