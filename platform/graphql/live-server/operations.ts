// Runs the operations of live connections: each is started, its results are pumped, and equal results are shared.
import type { GraphQLFormattedError } from 'graphql'
import { createResultGroups } from '#platform/graphql/live-server/encoded-results.ts'
import type { OperationExecutor, StartedOperation } from '#platform/graphql/live-server/execution.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'
import { closeSource, type Pump, type Sink, startPump } from '#platform/graphql/live-server/pump.ts'
import type { LiveSession } from '#platform/graphql/live-server/sessions.ts'

/** A pump's sink, but `fail` gets errors that are ready to be sent. */
export type OperationSink = Omit<Sink, 'fail'> & { fail(errors: readonly GraphQLFormattedError[]): void }

export type LiveOperations = {
  /** Runs until the operation completes, fails or is stopped; the sink hears of its end once, and not after `stop`. */
  start(request: GraphqlRequest, session: LiveSession, sink: OperationSink): Pump
}

/**
 * An item of a stream with an audience is executed once for all operations that see the same in it (equal document,
 * operation, variables but for where they began, language and audience), and they are sent the same bytes.
 */
export function createLiveOperations(executor: OperationExecutor): LiveOperations {
  const groups = createResultGroups()
  return {
    start(request, session, sink) {
      let pump: Pump | undefined
      let group: Disposable | undefined
      let ended = false
      const end = (): boolean => {
        if (ended) return false
        ended = true
        group?.[Symbol.dispose]()
        return true
      }
      const output: Sink = {
        ready: sink.ready,
        next: sink.next,
        fail: error => {
          if (end()) sink.fail([error].flat().map(each => executor.format(each, session)))
        },
        complete: () => {
          if (end()) sink.complete()
        },
      }
      const run = ({ source, resultOf, shareKey }: StartedOperation) => {
        if (ended) return closeSource(source)
        if (shareKey === undefined) {
          pump = startPump({ source, resultOf }, output)
          return
        }
        const shared = groups.join(shareKey)
        group = shared
        pump = startPump({ source, resultOf: item => shared.resultFor(item, resultOf) }, output)
      }
      // Nothing that lasts may hold on to `request`: its text may be long.
      executor.start(request, session).then(run).catch(output.fail)
      return {
        resume: () => pump?.resume(),
        stop() {
          if (end()) pump?.stop()
        },
      }
    },
  }
}
