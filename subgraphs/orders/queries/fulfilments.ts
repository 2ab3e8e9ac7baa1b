// Resolves the queries of staff about fulfilment sagas: which run, wait or are stuck, and their history.
import { requireRole } from '#platform/auth/viewer.ts'
import { isObject } from '#platform/domain/json.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { SagaStatus } from '#platform/saga/saga.ts'
import { checkId, checkPageSize } from '#platform/subgraph/input.ts'
import type { FulfilmentPhase, QueryFulfilmentArgs, QueryFulfilmentsArgs } from '#schema/generated/orders.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import { loadOrder, type QueryDependencies } from '#subgraphs/orders/queries/loaders.ts'

type Fulfilment = SagaStatus & { readonly order: PlacedOrder }

const PHASES = { RUNNING: 'running', COMPENSATING: 'compensating', ENDED: 'ended' } as const
const PHASE_NAMES = { running: 'RUNNING', compensating: 'COMPENSATING', ended: 'ENDED' } as const

export function createFulfilmentFields(dependencies: QueryDependencies) {
  /** A saga's id is its order's. One whose order the views do not show yet is left out. */
  async function withOrder(status: SagaStatus, context: RequestContext): Promise<Fulfilment[]> {
    const order = await loadOrder(dependencies, context, status.id)
    return order ? [{ ...status, order }] : []
  }

  return {
    Query: {
      async fulfilments(_: unknown, args: QueryFulfilmentsArgs, context: RequestContext) {
        requireRole(context.viewer, 'support', 'ops', 'service')
        const { phase, stuck, first, after } = args
        const found = await dependencies.sagas.list(
          { ...(phase && { phase: PHASES[phase] }), ...(typeof stuck === 'boolean' && { stuck }) },
          checkPageSize(first),
          after ? checkId('after', 'order', after) : undefined,
        )
        return (await Promise.all(found.map(status => withOrder(status, context)))).flat()
      },
      async fulfilment(_: unknown, { orderId }: QueryFulfilmentArgs, context: RequestContext) {
        requireRole(context.viewer, 'support', 'ops', 'service')
        const found = await dependencies.sagas.inspect(checkId('orderId', 'order', orderId))
        return found ? ((await withOrder(found.status, context))[0] ?? null) : null
      },
    },
    Fulfilment: {
      phase: ({ phase }: Fulfilment): FulfilmentPhase => PHASE_NAMES[phase],
      timers: ({ timers }: Fulfilment) => Object.entries(timers).map(([name, dueAt]) => ({ name, dueAt })),
      async history({ id }: Fulfilment) {
        const found = await dependencies.sagas.inspect(id)
        return (found?.history ?? []).map(({ type, at, data }) => ({ type, at, step: stepIn(data) }))
      },
    },
  }
}

function stepIn(data: unknown): string | null {
  return isObject(data) && typeof data.step === 'string' ? data.step : null
}
