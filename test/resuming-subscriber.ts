// A subscriber that goes on behind the last change that it got, whenever its connection breaks, as front ends do.
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

export type SeenEvent = { readonly id: string; readonly service: string; readonly orderId: string }
export type SeenChange = {
  readonly kind: 'PRESENT' | 'CHANGED' | 'RESTARTED'
  readonly cursor: string
  readonly events: readonly SeenEvent[]
}

export type ResumingSubscriber = AsyncDisposable & {
  /** Every event that it was sent, as it came. */
  readonly events: SeenEvent[]
  readonly changes: SeenChange[]
  /** Resolves with the first change, and after a cut at once. */
  readonly started: Promise<void>
  /** Breaks the connection without a word. */
  cut(): void
  connections(): number
  readonly failures: unknown[]
}

/** `query` selects `kind cursor events { id service orderId }` of its one field, and declares `$after: String`. */
export function resume(options: {
  /** Asked at every connecting: where to. */
  readonly url: () => string
  readonly token: string
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
}): ResumingSubscriber {
  const events: SeenEvent[] = []
  const changes: SeenChange[] = []
  const failures: unknown[] = []
  const started = Promise.withResolvers<void>()
  let socket: WebSocket | undefined
  let connections = 0
  const client = createClient({
    url: () => `${options.url().replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${options.token}` },
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: () => new Promise(resolve => setTimeout(resolve, 20 + Math.random() * 200)),
    on: {
      opened: opened => {
        connections += 1
        socket = opened instanceof WebSocket ? opened : undefined
      },
    },
  })
  const variables: Record<string, unknown> = { ...options.variables, after: null }
  client.subscribe<Record<string, SeenChange>>(
    { query: options.query, variables },
    {
      next({ data, errors }) {
        if (errors) failures.push(...errors)
        const [change] = Object.values(data ?? {})
        if (!change) return
        variables.after = change.cursor
        changes.push(change)
        events.push(...change.events)
        started.resolve()
      },
      error(error) {
        failures.push(error)
        started.reject(error)
      },
      complete() {},
    },
  )
  return {
    events,
    changes,
    failures,
    started: started.promise,
    cut: () => socket?.terminate(),
    connections: () => connections,
    [Symbol.asyncDispose]: async () => client.dispose(),
  }
}
