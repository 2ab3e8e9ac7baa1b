// Operations on live connections: started, answered item by item, the bytes shared where all see the same. Free of transport.
import type { GraphQLFormattedError } from 'graphql'
import { createResultGroups } from '#platform/graphql/live-server/encoded-results.ts'
import type { OperationExecutor, StartedOperation } from '#platform/graphql/live-server/execution.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/operation-request.ts'
import { type Pump, type Sink, startPump } from '#platform/graphql/live-server/pump.ts'
import type { LiveSession } from '#platform/graphql/live-server/sessions.ts'

/** As of any delivery; `fail` gets the errors ready to be sent. */
export type OperationSink = Omit<Sink, 'fail'> & { fail(errors: readonly GraphQLFormattedError[]): void }

export type LiveOperations = {
  /** Runs until it completes, fails or is stopped; what the sink is told last is told once, and not after `stop`. */
  start(request: GraphqlRequest, session: LiveSession, sink: OperationSink): Pump
}

/**
 * An item of a stream with an audience is executed once for all operations that see the same in it (equal document,
 * operation, variables but for where they began, language and audience), and they are sent the same bytes.
 */
export function createLiveOperations(execution: OperationExecutor): LiveOperations {
  const groups = createResultGroups()
  return {
    start(request, session, sink) {
      let delivery: Pump | undefined
      let leaveGroup: Disposable | undefined
      let over = false
      const end = (): boolean => {
        if (over) return false
        over = true
        leaveGroup?.[Symbol.dispose]()
        return true
      }
      const outlet: Sink = {
        ready: sink.ready,
        next: sink.next,
        fail: error => {
          if (end()) sink.fail([error].flat().map(each => execution.format(each, session)))
        },
        complete: () => {
          if (end()) sink.complete()
        },
      }
      const join = ({ source, resultOf, shareKey }: StartedOperation) => {
        if (over) {
          source.return?.().catch(() => undefined)
        } else if (shareKey === undefined) {
          delivery = startPump(source, resultOf, outlet)
        } else {
          const group = groups.join(shareKey)
          leaveGroup = group
          delivery = startPump(source, item => group.resultFor(item, resultOf), outlet)
        }
      }
      // Nothing that lasts may hold on to `request`: its text may be long.
      execution.start(request, session).then(join).catch(outlet.fail)
      return {
        resume: () => delivery?.resume(),
        stop() {
          if (end()) delivery?.stop()
        },
      }
    },
  }
}
